/* ensure.h: the few macros of the project.
 *
 * ENSURE is for bugs of ours and stays on in every build; what another party does is never an
 * ENSURE. */
#ifndef POLICY_BASE_ENSURE_H
#define POLICY_BASE_ENSURE_H

#include <stddef.h>
#include <stdlib.h>

#define ENSURE(cond)           ((cond) ? (void)0 : abort())
#define MUST_USE               __attribute__((warn_unused_result))
#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The structure of `type` whose `member` stands at `ptr`; both const-ness and alignment are the
 * caller's. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
