/* What the compiler calls for our frames when something of the program unwinds through them: a C++ exception, the end or the
   cancellation of a thread. They have clean-ups only, which is what the compiler runtime's routine for C runs. */
#include <unwind.h>

#if defined(__ARM_EABI__)
# error "not supported: exceptions work differently there"
#endif

_Unwind_Reason_Code __gcc_personality_v0(int, _Unwind_Action, _Unwind_Exception_Class, struct _Unwind_Exception *,
                                         struct _Unwind_Context *);

/* Weak: a Rust program that is linked with our archive has its own. */
__attribute__((weak))
_Unwind_Reason_Code rust_eh_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                        struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	return __gcc_personality_v0(version, actions, class, exception, context);
}
