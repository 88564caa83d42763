/* reader.h: groups of a configuration file, read by table.
 *
 * One row per key says its name, type, range, default and where the value goes. The reader reports
 * unknown and missing keys, wrong types and ranges, with file and line; what a value means beyond
 * that is checked by whoever owns the table. Strings are copied to the arena; they are UTF-8
 * without control characters and not empty. */
#ifndef PROXY_CONFIG_READER_H
#define PROXY_CONFIG_READER_H

#include "policy/base/arena.h"
#include "proxy/config/source.h"

enum reader_type {
    READER_STR,     /* struct str */
    READER_STRS,    /* const struct str * and size_t: a list of strings */
    READER_STR_S,   /* the same; one string without brackets is fine too */
    READER_BOOL,    /* bool */
    READER_U32,     /* uint32_t */
    READER_U64,     /* uint64_t */
    READER_SIZE,    /* size_t */
    READER_SECONDS, /* uint64_t, in milliseconds */
    READER_WORD,    /* int: the value of one of `words` */
    READER_GROUP,   /* read with `members` into the same target, or, without `members`, a
                       const config_setting_t * left for the caller */
    READER_LIST,    /* const config_setting_t *: a list of groups, left for the caller */
};

struct reader_word {
    const char *text; /* NULL ends a list */
    int value;
};

struct reader_key {
    const char *name; /* NULL ends a table */
    enum reader_type type;
    bool required;
    size_t offset;       /* in the target */
    size_t count_offset; /* of lists */
    int64_t min, max;    /* of numbers, and how many strings a list may have (max 0: any) */
    int64_t absent;      /* default of numbers, words and booleans */
    const char *absent_text;
    const struct reader_word *words;
    const struct reader_key *members;
};

struct reader {
    const struct source *source;
    struct problems *problems;
    struct arena *arena;
    bool ignore_unknown; /* another reading reports them */
};

/* Read `group` by `table` into `target`; `what` names the group in messages ("" for the file). A
 * NULL group gives every key its default. Values that were wrong are left at their default. True
 * when there was no error. */
bool reader_group(const struct reader *r, const config_setting_t *group, const char *what,
                  const struct reader_key *table, void *target);

/* Problems at a setting; NULL stands for the beginning of the main file. */
void reader_error(const struct reader *r, const config_setting_t *at, const char *format, ...)
    PRINTF_LIKE(3, 4);
void reader_warning(const struct reader *r, const config_setting_t *at, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The member `key` of `group`, or `group` itself where it has none: where to point at. */
const config_setting_t *reader_at(const config_setting_t *group, const char *key);

/* Element `index` of the list or array at `key`, or what reader_at gives. */
const config_setting_t *reader_at_element(const config_setting_t *group, const char *key,
                                          size_t index);

/* File as shown and line, in the arena. */
struct str reader_file(const struct reader *r, const config_setting_t *at);
unsigned reader_line(const struct reader *r, const config_setting_t *at);

/* `path`, relative to the file that `at` stands in, in the arena with a NUL behind it. */
struct str reader_path(const struct reader *r, const config_setting_t *at, struct str path);

/* Memory that lives as long as the snapshot, cleared; never NULL. */
void *reader_alloc(const struct reader *r, size_t count, size_t size);

#endif
