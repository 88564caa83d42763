/* authn_guard.h: what stands before and behind the proof, for authn.c only: who guessed too often
 * is not looked at, and a right response does not help where the session is over. */
#ifndef POLICY_AUTH_AUTHN_GUARD_H
#define POLICY_AUTH_AUTHN_GUARD_H

#include "policy/auth/authn.h"

/* Who is counted for this claim: `name` is the user's own where there is such a user, else what was
 * claimed: whether there is one makes no difference. (A name that nobody has and its userhash are
 * counted apart; the hash cannot be turned back.) */
struct lockout_who authn_guard_who(const struct authn_ctx *ctx, struct str name);
/* Before anything is checked: false, with AUTHN_LOCKED, where `who` has to wait. */
MUST_USE bool authn_guard_admits(const struct authn_ctx *ctx, const struct lockout_who *who,
                                 struct authn_result *result);
/* After the proof: count a wrong response; turn a right one of a session that is over into a plain
 * challenge. */
void authn_guard_settle(const struct authn_ctx *ctx, const struct lockout_who *who,
                        struct str nonce, struct authn_result *result);

#endif
