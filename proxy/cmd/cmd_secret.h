/* cmd_secret.h: what the files of `phonegate secret` share. */
#ifndef PROXY_CMD_CMD_SECRET_H
#define PROXY_CMD_CMD_SECRET_H

#include "proxy/config/config_part.h"
#include "proxy/vault/vault.h"

#define CMD_SECRET_ERROR 512

struct secret_job {
    const char *file; /* the configuration's */
    const struct config_part *settings;
    struct str phone, setting; /* setting may be empty with show and list */
    enum vault_which which;
    bool generate; /* set: a password of our own making */
};

/* A line of English on standard error; CMD_NO. */
int cmd_secret_refuse(const char *format, ...) PRINTF_LIKE(1, 2);

/* A record of what is about to be done. False, after a message, where it cannot be written and
 * nothing may be done without. */
MUST_USE bool cmd_secret_record(const struct secret_job *job, const char *event,
                                const char *settings);

int cmd_secret_init(const struct secret_job *job);
int cmd_secret_set(const struct secret_job *job);
int cmd_secret_drop(const struct secret_job *job);

#endif
