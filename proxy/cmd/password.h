/* password.h: a new password from the person at the terminal, or from a pipe. Never from argv. */
#ifndef PROXY_CMD_PASSWORD_H
#define PROXY_CMD_PASSWORD_H

#include "proxy/config/textfile.h"

/* On a terminal: ask twice, without echo. Otherwise: one line from standard input. False with one
 * line in `error`. *password is a part of *memory, which textfile_free wipes. */
MUST_USE bool password_read(struct textfile *memory, struct str *password, char *error,
                            size_t error_len);

#endif
