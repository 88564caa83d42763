/* strength.h: is a new password good enough to guard an account? */
#ifndef PROXY_CMD_STRENGTH_H
#define PROXY_CMD_STRENGTH_H

#include "policy/base/str.h"

#define STRENGTH_MIN_CHARS 10
/* Guesses that a good program needs, as a power of two: 10^10 (zxcvbn's highest class). The lockout
 * leaves some thousand guesses a day; this is for the day on which a users file is lost. */
#define STRENGTH_MIN_BITS 33.2

struct strength_context {
    struct str user, realm;
    const struct str *hosts; /* words of these are the first that somebody tries */
    size_t host_count;
};

/* NULL where the UTF-8 text `password` (NUL behind it) is fine, else why not, in English, with
 * `memory` as room for it. */
const char *strength_problem(struct str password, const struct strength_context *ctx, char *memory,
                             size_t size);

#endif
