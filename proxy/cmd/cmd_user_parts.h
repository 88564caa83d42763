/* cmd_user_parts.h: what the actions of `phonegate user` share; for cmd_user*.c only. */
#ifndef PROXY_CMD_CMD_USER_PARTS_H
#define PROXY_CMD_CMD_USER_PARTS_H

#include "proxy/base/replace_file.h"
#include "proxy/config/config_users.h"
#include "proxy/config/textfile.h"

#define CMD_USER_FILE_MAX ((size_t)256 << 20)
#define CMD_USER_ERROR    512

/* "phonegate user: TEXT" on standard error; CMD_NO. */
int cmd_user_refuse(const char *format, ...) PRINTF_LIKE(1, 2);

/* The users file, empty where there is none yet. */
MUST_USE bool cmd_user_read(const char *path, struct textfile *text, char *error);
/* Write the locked file anew. The exit status, after a message. */
MUST_USE int cmd_user_write(const struct replace_file *file, struct str text);

/* Each line of users_file and users_dir into *users (users_free), with the limits of the
 * configuration; wrong lines are reported. The exit status. */
MUST_USE int cmd_user_load(const struct config_users *settings, struct users **users);

int cmd_user_list(const struct config_users *settings);
/* Who signed in with MD5, by an access log ("-": standard input). */
int cmd_user_list_md5(const char *path);
/* The lines of a users file of another server, behind those of users_file. */
int cmd_user_import(const struct config_users *settings, const char *path);

#endif
