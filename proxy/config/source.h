/* source.h: a configuration file and all it includes as one text, and where each line came from.
 *
 * libconfig 1.5 opens included files relative to the working directory, ends the program when one
 * is a directory, and wraps integers beyond 32 bits in silence. So the files are read here, with
 * "@include" replaced by the text of the file (relative to the directory of the main file, at most
 * 10 deep), and libconfig sees one string. A source keeps libconfig's tree as long as it lives. */
#ifndef PROXY_CONFIG_SOURCE_H
#define PROXY_CONFIG_SOURCE_H

#include <libconfig.h>

#include "policy/base/str.h"
#include "proxy/config/problems.h"

struct source_line {
    unsigned file; /* index into files */
    unsigned line;
};

struct source {
    char *text;
    size_t len, capacity;
    struct source_line *lines; /* lines[n - 1]: where line n of `text` stands */
    size_t line_count, line_capacity;
    char **files; /* as shown; files[0] is the main file */
    size_t file_count;
    unsigned *bad_numbers; /* lines of `text` with an integer that does not fit, rising */
    size_t bad_number_count;
    unsigned rank;
    config_t tree;
};

enum source_result { SOURCE_OK, SOURCE_INVALID, SOURCE_UNREADABLE };

/* Read `path` and all it includes and parse it. Problems of the text, libconfig's own included, go
 * to `problems`; only on SOURCE_OK there is a tree. Free with source_free in any case. */
MUST_USE enum source_result source_read(struct source *source, const char *path, unsigned rank,
                                        struct problems *problems);
/* The same from memory; `path` is only shown and gives the directory. */
MUST_USE enum source_result source_from_text(struct source *source, const char *path,
                                             struct str text, unsigned rank,
                                             struct problems *problems);
void source_free(struct source *source);

/* Where line `line` of the text stands. */
struct problem_place source_place(const struct source *source, unsigned line);
bool source_has_bad_number(const struct source *source, unsigned line);

/* `path` relative to the directory of the file that line `line` stands in; malloc'ed. */
MUST_USE char *source_resolve(const struct source *source, unsigned line, const char *path);

#endif
