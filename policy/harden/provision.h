/* provision.h: the XML file that a Snom phone takes its settings from (firmware 7 and later).
 *
 * <settings><phone-settings e="2"> with one element per setting and its perm flag. Settings that
 * the phone must see before the others stand first, otherwise the order is the caller's. Nothing is
 * written that a phone could read in two ways. */
#ifndef POLICY_HARDEN_PROVISION_H
#define POLICY_HARDEN_PROVISION_H

#include "policy/base/outbuf.h"

enum provision_perm {
    PROVISION_R,    /* only provisioning changes it */
    PROVISION_RW,   /* people may change it until the next provisioning */
    PROVISION_USER, /* "!": what people changed stays. Never for secrets */
};

struct provision_setting {
    struct str name;
    uint32_t idx; /* 0: none */
    enum provision_perm perm;
    bool secret;
    bool first; /* the phone must read it before the others (auto_reboot_on_setting_change) */
    struct str value;
};

enum provision_verdict {
    PROVISION_OK,
    PROVISION_BAD_NAME,    /* not [A-Za-z0-9_]{1,64} */
    PROVISION_BAD_VALUE,   /* not UTF-8, a control character, or blanks at an end that XML readers
                              take off */
    PROVISION_BAD_PERM,    /* a secret with "!": a changed password would stay */
    PROVISION_REPEATED,    /* one setting twice */
    PROVISION_UNCONFIRMED, /* NAME_confirm differs from NAME, or stands alone */
    PROVISION_FULL,        /* `out` is too small */
};

/* Write the file. On another verdict than OK what stands in `out` must not be used, and `bad`
 * (where it is not NULL) is the index of the setting that was refused. */
MUST_USE enum provision_verdict provision_write(const struct provision_setting *settings,
                                                size_t count, struct outbuf *out, size_t *bad);

const char *provision_verdict_str(enum provision_verdict verdict);

#endif
