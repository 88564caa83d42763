/* weak.h: passwords that somebody would try first. A warning, never a refusal. */
#ifndef PROXY_CONFIG_WEAK_H
#define PROXY_CONFIG_WEAK_H

#include "policy/base/hash.h"

#define WEAK_MIN_LEN 8

/* Why this password is weak, in English; NULL where nothing is found. */
const char *weak_password(struct str user, struct str password);

/* Is the password behind this HA1 the user's name or one of the few that everybody tries? */
bool weak_ha1(struct hasher *h, enum hash_alg alg, struct str user, struct str realm,
              const uint8_t *ha1);

#endif
