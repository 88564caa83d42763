/* cmd_harden.h: what the actions of `phonegate harden` get from the command line. */
#ifndef PROXY_CMD_CMD_HARDEN_H
#define PROXY_CMD_CMD_HARDEN_H

#include "proxy/cmd/cmd.h"

enum cmd_harden_action {
    CMD_HARDEN_PLAN,        /* say what would change */
    CMD_HARDEN_PROVISION,   /* write the files that phones fetch their settings from */
    CMD_HARDEN_PROVISIONED, /* they have fetched them: what they prove is in force */
    CMD_HARDEN_APPLY,       /* through the phones' own pages */
    CMD_HARDEN_ROTATE,      /* new passwords */
    CMD_HARDEN_WUI_OFF,     /* no web interface where none is wanted */
    CMD_HARDEN_RECOVER,     /* what a phone took when a run was cut is saved */
    CMD_HARDEN_ACTIONS
};

struct cmd_harden {
    const char *file; /* of the configuration */
    struct config *config;
    enum cmd_harden_action action;
    const char *directory; /* of --provision */
    const size_t *phones;  /* indices into config->phones, in their order */
    size_t phone_count;
    bool all;        /* nobody was named */
    size_t parallel; /* phones at a time */
    bool json;       /* --format json */
    bool pins;       /* --rotate: PINs of the keyboard lock as well */
    bool beyond;     /* also what goes beyond the vendor's guide */
};

/* Two runs at once would change the same phone, or each give it another password. A descriptor to
 * close, or -1 with one line in `error`; the lock goes with the process. */
int cmd_harden_lock(const struct config *config, char *error, size_t error_len);

/* Each returns the exit status; the caller keeps `h`. */
int cmd_harden_plan(const struct cmd_harden *h);
int cmd_harden_provision(const struct cmd_harden *h);
int cmd_harden_provisioned(const struct cmd_harden *h);
int cmd_harden_apply(const struct cmd_harden *h); /* and --rotate, --wui-off, --recover */

#endif
