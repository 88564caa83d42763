/* about.h: which phone it is, read from its page of system information.
 *
 * Each value stands behind a label, with blanks and tags between; which labels is data of the
 * profile. What does not look like a model, a firmware or a MAC is not taken, so the slices hold
 * letters, digits, '.', '_', '-' and blanks only. */
#ifndef POLICY_HARDEN_ABOUT_H
#define POLICY_HARDEN_ABOUT_H

#include "policy/base/str.h"

#define ABOUT_MODEL_MAX    32
#define ABOUT_FIRMWARE_MAX 64
#define ABOUT_MAC_DIGITS   12
#define ABOUT_BETWEEN_MAX  512 /* octets of tags and blanks between a label and its value */

struct about_labels {
    struct str page;                 /* target of the page; empty: the profile knows none */
    struct str model, firmware, mac; /* "Hardware:"; empty: the page does not say */
};

struct about {
    struct str model;    /* "D785"; empty: not seen */
    struct str firmware; /* "snomD785-SIP 10.1.184.15"; empty: not seen */
    struct str mac; /* as it stands there: 12 hex digits, ':' or '-' between; empty: not seen */
};

/* Read `page`, into which the slices point. Where the page does not name the model, the firmware
 * may ("snomD785-SIP ..."). */
void about_read(struct str page, const struct about_labels *labels, struct about *about);

/* A pin proves whoever holds the key. Phones without a certificate of their own all hold the
 * model's. */
struct about_key {
    const struct str *shared_models; /* of the profile: models whose phones share one key */
    size_t shared_model_count;
    struct str model, mac;           /* as configured; empty: not */
    struct str seen_model, seen_mac; /* as the phone says; empty: it does not */
};

/* Is it this phone, and not another one of its model? Where its model shares a key, or nobody knows
 * the model of a phone that could be one of those, the phone must say the MAC that is configured.
 * Both MACs are spelt as mac_read does. */
bool about_is_this_phone(const struct about_key *key);

/* Is `seen` the model that `wanted` says? Without case; "snom" in front is no part of it. */
bool about_same_model(struct str seen, struct str wanted);

#endif
