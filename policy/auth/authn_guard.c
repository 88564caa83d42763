#include "policy/auth/authn_guard.h"

struct lockout_who authn_guard_who(const struct authn_ctx *ctx, struct str name) {
    const struct lockout *lockout = ctx->guard.lockout;
    return (struct lockout_who){.user = lockout != NULL ? lockout_user_key(lockout, name) : 0,
                                .address = ctx->guard.address};
}

bool authn_guard_admits(const struct authn_ctx *ctx, const struct lockout_who *who,
                        struct authn_result *result) {
    if (ctx->guard.lockout == NULL) return true;
    uint64_t left =
        lockout_left_ms(ctx->guard.lockout, &ctx->guard.settings->lockout, who, ctx->now_ms);
    if (left == 0) return true;
    result->verdict = AUTHN_LOCKED;
    result->reason = AUTHN_REASON_LOCKED;
    result->retry_after_s = (left + 999) / 1000;
    return false;
}

static void end_session(struct authn_result *result, enum authn_reason reason) {
    result->verdict = AUTHN_CHALLENGE;
    result->reason = reason;
    result->user = NULL;
    result->proof = (struct authn_proof){.uri = STR_NONE};
}

static void check_session(const struct authn_ctx *ctx, struct str nonce,
                          struct authn_result *result) {
    struct sessions *sessions = ctx->guard.sessions;
    switch (sessions_check(sessions, &ctx->guard.settings->session,
                           sessions_user_key(sessions, result->user->name), nonce_issued_ms(nonce),
                           result->verdict == AUTHN_OK, ctx->now_ms)) {
    case SESSION_GOES_ON:
        return;
    case SESSION_SIGNED_OUT:
        end_session(result, AUTHN_REASON_SIGNED_OUT);
        return;
    case SESSION_OVER:
        end_session(result, AUTHN_REASON_SESSION_OVER);
        return;
    }
    end_session(result, AUTHN_REASON_SESSION_OVER);
}

void authn_guard_settle(const struct authn_ctx *ctx, const struct lockout_who *who,
                        struct str nonce, struct authn_result *result) {
    if (result->user != NULL && ctx->guard.sessions != NULL) check_session(ctx, nonce, result);
    if (ctx->guard.lockout == NULL) return;
    if (result->verdict == AUTHN_OK)
        lockout_proved(ctx->guard.lockout, who, ctx->now_ms);
    else if (result->counts_as_failure)
        lockout_failed(ctx->guard.lockout, &ctx->guard.settings->lockout, who, result->claimed,
                       result->claimed_is_known, ctx->now_ms);
}
