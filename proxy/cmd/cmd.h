/* cmd.h: the commands of phonegate and what they share.
 *
 * A command gets its own name as argv[0] and everything else that stood on the command line behind
 * it, `-c FILE` included wherever it stood. It returns the exit status. */
#ifndef PROXY_CMD_CMD_H
#define PROXY_CMD_CMD_H

#include <stdarg.h>
#include <stdio.h>

#include "proxy/config/config.h"

enum cmd_status {
    CMD_FINE = 0,
    CMD_NO = 1,    /* the answer is no: findings, an invalid configuration, refused */
    CMD_USAGE = 2, /* wrong usage, or the file named by -c cannot be read */
};

#define CMD_DEFAULT_FILE "/etc/phonegate/phonegate.cfg"

int cmd_serve(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_phone(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_harden(int argc, char **argv);
int cmd_self_test(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_secret(int argc, char **argv);
int cmd_pin(int argc, char **argv);

/* `explain --requests`: one request a line of the file `path` ("-": standard input), one line of
 * answer each; their form is in phonegate(8). Returns the exit status. */
int cmd_explain_list(const struct config *config, const char *path);

struct cmd_entry {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage; /* behind "phonegate "; NULL: not listed */
    const char *line;  /* one line for the list */
    const char *help;  /* for `help COMMAND` */
    bool hashes;       /* nothing of it works without SHA-256 */
};

/* One option with a value; a table of them ends with a NULL name. */
struct cmd_option {
    const char *name;   /* "-c" or "--user" */
    const char **value; /* set to the value, which stays in argv */
};

/* Sort argv into options and other words, of which *count fit into `words`; *count is how many
 * there are afterwards. False after a message on standard error: CMD_USAGE. */
MUST_USE bool cmd_args(int argc, char **argv, const struct cmd_option *options, const char **words,
                       size_t *count);

/* Take a word without a value out of argv, before cmd_args sees it. */
bool cmd_take_flag(int *argc, char **argv, const char *flag);

/* Take every "--name VALUE" and "--name=VALUE" out of argv: an option that may stand there more
 * than once. `values` has room for *count, which is how many there are afterwards. False after a
 * message on standard error: CMD_USAGE. */
MUST_USE bool cmd_take_values(int *argc, char **argv, const char *name, const char **values,
                              size_t *count);

/* "phonegate COMMAND: TEXT" on standard error, without control characters. */
void cmd_complain(const char *command, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* The same, and where to find help; returns CMD_USAGE. */
int cmd_usage_error(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* A config_report that prints "FILE:LINE: error: TEXT" to standard error and counts. */
struct cmd_problems {
    unsigned errors, warnings;
    bool quiet_warnings;
};
void cmd_report(void *user, enum config_level level, const char *file, unsigned line,
                const char *text);

/* The exit status that goes with a result of config_load. */
int cmd_status_of(enum config_result result);

/* A terminal, and nobody said NO_COLOR? */
bool cmd_may_colour(FILE *to);

/* Put `s` with control characters replaced: names and paths are other people's text. */
void cmd_print(FILE *to, struct str s);

#endif
