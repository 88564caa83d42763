/* expect.h: `phonegate check --expect`: does the policy say what a table expects of it?
 *
 * Each row is judged as `phonegate explain` judges it, by the phone's own name and, where the gate
 * has a portal, by path as well: both have to agree with the row. */
#ifndef PROXY_CMD_EXPECT_H
#define PROXY_CMD_EXPECT_H

#include "proxy/cmd/explain.h"

struct expect_job {
    const struct config *config; /* for tables without phones of their own; NULL: there is none */
    const char *profiles_dir; /* for the others; NULL: the configuration's, or ../profiles as seen
                                 from the table */
};

struct expect_result {
    size_t held, failed; /* rows */
    bool broken;         /* a table could not be read, or judged */
};

/* Judge every row of the table in the file `path`; each one that does not hold goes to standard
 * output, what is wrong with the table to standard error. */
void expect_run(const struct expect_job *job, const char *path, struct expect_result *result);

/* Does the table name its own phones, so that it needs no configuration? False as well where it
 * cannot be read. */
bool expect_is_self_contained(const char *path);

#endif
