# find_package(Libevent [COMPONENTS core extra pthreads openssl])
#
# Targets: libevent::core, libevent::extra, libevent::pthreads and, where it is installed, libevent::openssl.
# Variables: LIBEVENT_FOUND, LIBEVENT_VERSION, LIBEVENT_INCLUDE_DIRS, LIBEVENT_LIBRARIES.
# LIBEVENT_STATIC_LINK, set before, chooses the static archives.

get_filename_component(_evoxide_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
find_path(_evoxide_include event2/event.h
  HINTS "${_evoxide_lib}/../include" "${_evoxide_lib}/../../include" NO_DEFAULT_PATH)
set(LIBEVENT_VERSION "2.1.12")
set(LIBEVENT_INCLUDE_DIRS "${_evoxide_include}")
set(LIBEVENT_LIBRARIES "")
set(LIBEVENT_FOUND TRUE)

if(LIBEVENT_STATIC_LINK)
  set(_evoxide_kind STATIC)
  set(_evoxide_suffix a)
else()
  set(_evoxide_kind SHARED)
  set(_evoxide_suffix so)
endif()

foreach(_evoxide_part core extra pthreads openssl)
  set(_evoxide_file "${_evoxide_lib}/libevent_${_evoxide_part}.${_evoxide_suffix}")
  if(EXISTS "${_evoxide_file}")
    set(Libevent_${_evoxide_part}_FOUND TRUE)
    if(NOT TARGET libevent::${_evoxide_part})
      # A linker script may stand under the name, so the file is handed to the linker as it is.
      add_library(libevent::${_evoxide_part} INTERFACE IMPORTED)
      set_target_properties(libevent::${_evoxide_part} PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${_evoxide_include}")
      set(_evoxide_needs "${_evoxide_file}")
      if(NOT _evoxide_part STREQUAL "core")
        list(APPEND _evoxide_needs libevent::core)
      endif()
      if(_evoxide_part STREQUAL "openssl")
        find_package(OpenSSL QUIET)
        list(APPEND _evoxide_needs OpenSSL::SSL)
      endif()
      if(_evoxide_kind STREQUAL "STATIC")
        find_package(Threads QUIET)
        list(APPEND _evoxide_needs Threads::Threads ${CMAKE_DL_LIBS} m)
      endif()
      set_target_properties(libevent::${_evoxide_part} PROPERTIES
        INTERFACE_LINK_LIBRARIES "${_evoxide_needs}")
    endif()
  endif()
endforeach()

if(NOT Libevent_FIND_COMPONENTS)
  set(Libevent_FIND_COMPONENTS core extra pthreads)
endif()
foreach(_evoxide_part ${Libevent_FIND_COMPONENTS})
  if(TARGET libevent::${_evoxide_part})
    list(APPEND LIBEVENT_LIBRARIES libevent::${_evoxide_part})
  elseif(Libevent_FIND_REQUIRED_${_evoxide_part} OR NOT DEFINED Libevent_FIND_REQUIRED_${_evoxide_part})
    set(LIBEVENT_FOUND FALSE)
    set(Libevent_FOUND FALSE)
    set(Libevent_NOT_FOUND_MESSAGE "libevent_${_evoxide_part}.${_evoxide_suffix} is not installed")
  endif()
endforeach()
