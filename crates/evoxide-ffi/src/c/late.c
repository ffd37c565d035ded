/* The shared objects are not linked with the compiler runtime, which costs each start of a program more than the libraries do.
   Whoever unwinds has loaded it. The linker leads both names here (--wrap). */
#include <dlfcn.h>
#include <stdlib.h>
#include <unwind.h>

static void *find(void **known, const char *name)
{
	void *found = __atomic_load_n(known, __ATOMIC_RELAXED);
	if (!found) {
		void *library = dlopen("libgcc_s.so.1", RTLD_LAZY);
		found = library ? dlsym(library, name) : NULL;
		if (!found)
			abort();
		__atomic_store_n(known, found, __ATOMIC_RELAXED);
	}
	return found;
}

_Unwind_Reason_Code __wrap___gcc_personality_v0(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                                struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	static void *known;
	return ((_Unwind_Personality_Fn)find(&known, "__gcc_personality_v0"))(version, actions, class, exception, context);
}

void __wrap__Unwind_Resume(struct _Unwind_Exception *exception)
{
	static void *known;
	((void (*)(struct _Unwind_Exception *))find(&known, "_Unwind_Resume"))(exception);
	abort();
}
