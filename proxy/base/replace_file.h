/* replace_file.h: a file changed in one step, with one writer at a time.
 *
 * The new text is written to a file beside the old one, synced, and renamed over it: whoever reads
 * sees all of the old or all of the new. A writer that is killed may leave that file beside it
 * (".phonegate-new", 0600); the next one in this directory takes it away. */
#ifndef PROXY_BASE_REPLACE_FILE_H
#define PROXY_BASE_REPLACE_FILE_H

#include "policy/base/str.h"

struct replace_file {
    char *path;      /* links followed, so that a link stays a link */
    char *directory; /* of path */
    int lock;        /* descriptor of the directory, locked */
};

/* Wait for other writers and lock them out. False with one line in `error`. */
MUST_USE bool replace_file_lock(struct replace_file *file, const char *path, char *error,
                                size_t error_len);
/* Write all of `text` and wait until it is on the disk. False with errno. */
MUST_USE bool replace_file_fill(int fd, struct str text);
/* Put `text` in place of the file; mode and owner stay (what belongs to root is ours afterwards if
 * we are not root), a new file gets 0600. False: the file is
 * the old one, or, where the last step failed, the new one that might not outlive a power cut. */
MUST_USE bool replace_file_write(const struct replace_file *file, struct str text, char *error,
                                 size_t error_len);
void replace_file_unlock(struct replace_file *file);

#endif
