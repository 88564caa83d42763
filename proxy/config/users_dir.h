/* users_dir.h: the files of a users directory, in the order of their names.
 *
 * Names that begin with '.' or end in '~' are left out: editors and `phonegate user` make such. */
#ifndef PROXY_CONFIG_USERS_DIR_H
#define PROXY_CONFIG_USERS_DIR_H

#include "policy/base/str.h"

/* Paths of the files; free with users_dir_free. False with one line in `error` where it is no
 * directory, cannot be read, or others may write to it. */
MUST_USE bool users_dir_list(const char *path, char ***names, size_t *count, char *error,
                             size_t error_len);
void users_dir_free(char **names, size_t count);

#endif
