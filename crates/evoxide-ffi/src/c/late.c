/* The shared objects are not linked with the compiler runtime, which costs each start of a program more than the libraries do.
   Whoever unwinds has loaded it. The linker leads both names here (--wrap). */
#include <dlfcn.h>
#include <stdlib.h>
#include <unwind.h>

static void *find(const char *name)
{
	void *library = dlopen("libgcc_s.so.1", RTLD_LAZY);
	void *found = library ? dlsym(library, name) : NULL;
	if (!found)
		abort();
	return found;
}

_Unwind_Reason_Code __wrap___gcc_personality_v0(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                                struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	return ((_Unwind_Personality_Fn)find("__gcc_personality_v0"))(version, actions, class, exception, context);
}

void __wrap__Unwind_Resume(struct _Unwind_Exception *exception)
{
	((void (*)(struct _Unwind_Exception *))find("_Unwind_Resume"))(exception);
	abort();
}
