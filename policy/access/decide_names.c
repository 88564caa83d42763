#include "policy/access/decide.h"

static const struct {
    unsigned status;
    const char *text;
} reasons[] = {
#define X(name, status, text) [DECIDE_REASON_##name] = {status, text},
    DECIDE_REASONS(X)
#undef X
};

const char *decide_verdict_str(enum decide_verdict verdict) {
    switch (verdict) {
    case DECIDE_DENY:
        return "deny";
    case DECIDE_CHALLENGE:
        return "challenge";
    case DECIDE_NEED_BODY:
        return "need_body";
    case DECIDE_FORWARD:
        return "forward";
    case DECIDE_PORTAL:
        return "portal";
    case DECIDE_SIGN_OUT:
        return "sign_out";
    case DECIDE_REDIRECT:
        return "redirect";
    case DECIDE_OPTIONS:
        return "options";
    }
    return "unknown";
}

const char *decide_reason_str(enum decide_reason reason) {
    return reasons[reason].text;
}

unsigned decide_reason_status(enum decide_reason reason) {
    return reasons[reason].status;
}
