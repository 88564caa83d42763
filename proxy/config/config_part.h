/* config_part.h: only what `phonegate secret` needs of a configuration.
 *
 * A vault is made before the rest of the configuration can be right, and mended while it is not:
 * only vault, access_log and state_dir are read. */
#ifndef PROXY_CONFIG_CONFIG_PART_H
#define PROXY_CONFIG_CONFIG_PART_H

#include "proxy/config/config.h"

struct config_part {
    struct config_vault vault; /* file is empty where there is none */
    struct str access_log;     /* path, or "-"; NUL behind it */
    bool access_log_required;
    struct str state_dir; /* where a running gate can be asked; empty: nowhere */
};

/* As config_load; free with config_part_free. */
MUST_USE enum config_result config_part_load(const char *path, config_report *report, void *user,
                                             struct config_part **part);
void config_part_free(struct config_part *part);

#endif
