/* config_users.h: only what `phonegate user` needs of a configuration.
 *
 * The first user is added before the rest of the configuration can be right (the users file does
 * not exist yet), so only realm, host, users_file, users_dir, users and digest are read, and not
 * all of them checked. */
#ifndef PROXY_CONFIG_CONFIG_USERS_H
#define PROXY_CONFIG_CONFIG_USERS_H

#include "proxy/config/config.h"

struct config_users {
    struct str users_file; /* NUL behind each; empty where absent */
    struct str users_dir;
    struct str state_dir; /* where a running gate can be asked */
    struct digest_settings digest;
    const struct str *hosts; /* as written */
    size_t host_count;
    const struct config_user_limits *limits;
    size_t limit_count;
};

/* As config_load; free with config_users_free. */
MUST_USE enum config_result config_users_load(const char *path, config_report *report, void *user,
                                              struct config_users **users);
void config_users_free(struct config_users *users);

#endif
