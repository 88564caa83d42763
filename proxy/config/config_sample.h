/* config_sample.h: a configuration of examples, for tables that name their own people and phones.
 *
 * Read and checked as any other, with two exceptions: its people are given by name, since none of
 * them will ever sign in, and no certificate is looked at, since nobody connects. */
#ifndef PROXY_CONFIG_CONFIG_SAMPLE_H
#define PROXY_CONFIG_CONFIG_SAMPLE_H

#include "proxy/config/config.h"

/* `text` is the configuration; its problems are reported with `path` and the line in `text`. */
struct config_sample {
    const char *path;
    struct str text;
    const struct str *users;
    size_t user_count;
};

MUST_USE enum config_result config_sample(const struct config_sample *sample, config_report *report,
                                          void *user, struct config **config);

#endif
