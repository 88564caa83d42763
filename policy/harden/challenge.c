#include "policy/harden/challenge.h"

#include "policy/auth/authparam.h"

/* Values with backslashes in one field. */
#define UNESCAPED_MAX 1024

static void read_field(struct str field, bool *basic, bool *digest) {
    char unescaped[UNESCAPED_MAX];
    struct outbuf memory;
    struct authparams params;
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    for (;;) {
        enum authparam_verdict verdict =
            authparam_next(&field, AUTHPARAM_TOLERANT, &memory, &params);
        if (verdict != AUTHPARAM_OK && verdict != AUTHPARAM_REPEATED) return;
        *basic = *basic || str_equal_icase(params.scheme, STR("Basic"));
        *digest = *digest || str_equal_icase(params.scheme, STR("Digest"));
        if (verdict == AUTHPARAM_REPEATED) return;
    }
}

enum harden_challenge harden_challenge_of(const struct header *headers, size_t count) {
    bool basic = false, digest = false;
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(headers[i].name, STR("WWW-Authenticate")))
            read_field(headers[i].value, &basic, &digest);
    }
    if (basic && digest) return HARDEN_CHALLENGE_BOTH;
    if (basic) return HARDEN_CHALLENGE_BASIC;
    return digest ? HARDEN_CHALLENGE_DIGEST : HARDEN_CHALLENGE_OTHER;
}
