/* textfile.h: a whole small file in memory, with the care that secrets need.
 *
 * Permissions are looked at on the opened descriptor, so what was judged is what is read. The text
 * is wiped when it is freed, whatever it was. */
#ifndef PROXY_CONFIG_TEXTFILE_H
#define PROXY_CONFIG_TEXTFILE_H

#include "policy/base/str.h"

struct textfile {
    char *text; /* NUL behind it, not counted */
    size_t len;
};

enum textfile_kind {
    TEXTFILE_PUBLIC,
    TEXTFILE_SECRET, /* refused when others, or a group that is not ours, may read or write it */
    TEXTFILE_CREDENTIAL, /* systemd's: refused when others may; its ACL for us shows as group bits
                          */
};

/* Read the regular file `path` of at most `max` bytes. False with one line of English in `error`
 * otherwise. */
MUST_USE bool textfile_read(const char *path, enum textfile_kind kind, size_t max,
                            struct textfile *file, char *error, size_t error_len);
void textfile_free(struct textfile *file);

/* Only the judgement of TEXTFILE_SECRET, for files that somebody else reads. */
MUST_USE bool textfile_is_private(const char *path, char *error, size_t error_len);

/* The same for a directory: others may not enter or list it either. */
MUST_USE bool textfile_directory_is_private(const char *path, char *error, size_t error_len);

/* The one line of a password file: its LF or CRLF removed, blanks kept. False with the reason in
 * `error` when it is empty, has a second line or holds a control octet. */
MUST_USE bool textfile_password(const struct textfile *file, struct str *password, char *error,
                                size_t error_len);

#endif
