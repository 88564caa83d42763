#include "proxy/config/reader.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_JUDGED 40 /* of a key; ours are shorter */

static unsigned setting_line(const config_setting_t *at) {
    return at == NULL ? 0 : at->line;
}

void reader_error(const struct reader *r, const config_setting_t *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(r->problems, CONFIG_ERROR, source_place(r->source, setting_line(at)), format,
                  args);
    va_end(args);
}

void reader_warning(const struct reader *r, const config_setting_t *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    problems_vadd(r->problems, CONFIG_WARNING, source_place(r->source, setting_line(at)), format,
                  args);
    va_end(args);
}

const config_setting_t *reader_at(const config_setting_t *group, const char *key) {
    if (group == NULL) return NULL;
    const config_setting_t *member = config_setting_get_member(group, key);
    return member == NULL ? group : member;
}

const config_setting_t *reader_at_element(const config_setting_t *group, const char *key,
                                          size_t index) {
    const config_setting_t *list = reader_at(group, key);
    if (list == NULL || list == group || !config_setting_is_aggregate(list)) return list;
    const config_setting_t *element = config_setting_get_elem(list, (unsigned)index);
    return element == NULL ? list : element;
}

struct str reader_file(const struct reader *r, const config_setting_t *at) {
    return str_of(source_place(r->source, setting_line(at)).file);
}

unsigned reader_line(const struct reader *r, const config_setting_t *at) {
    return source_place(r->source, setting_line(at)).line;
}

void *reader_alloc(const struct reader *r, size_t count, size_t size) {
    ENSURE(size == 0 || count <= SIZE_MAX / size);
    void *memory = arena_alloc(r->arena, count * size);
    ENSURE(memory != NULL);
    memset(memory, 0, count * size);
    return memory;
}

struct str reader_path(const struct reader *r, const config_setting_t *at, struct str path) {
    char *resolved = source_resolve(r->source, setting_line(at), path.ptr);
    struct str copy = arena_copy(r->arena, str_of(resolved));
    free(resolved);
    ENSURE(copy.ptr != NULL);
    return copy;
}

static const char *type_name(enum reader_type type) {
    switch (type) {
    case READER_STR:
    case READER_WORD:
        return "a string";
    case READER_STRS:
        return "a list of strings: [ \"...\" ]";
    case READER_STR_S:
        return "a string or a list of strings";
    case READER_BOOL:
        return "true or false";
    case READER_U32:
    case READER_U64:
    case READER_SIZE:
        return "a whole number, without quotes or a unit";
    case READER_SECONDS:
        return "a whole number of seconds, without quotes or a unit";
    case READER_GROUP:
        return "a group: { ... }";
    case READER_LIST:
        return "a list of groups: ( { ... }, ... )";
    }
    return "";
}

/* " in WHAT", or nothing for the file itself. */
#define IN_FMT     "%s%s"
#define IN_ARG(in) (*(in) == '\0' ? "" : " in "), (in)

static bool wrong_type(const struct reader *r, const config_setting_t *at, const char *what,
                       const struct reader_key *key) {
    reader_error(r, at, "\"%s\"" IN_FMT " must be %s", key->name, IN_ARG(what),
                 type_name(key->type));
    return false;
}

static void *slot(void *target, size_t offset) {
    return (char *)target + offset;
}

static void store_number(const struct reader_key *key, void *target, int64_t value) {
    void *at = slot(target, key->offset);
    if (key->type == READER_U32) *(uint32_t *)at = (uint32_t)value;
    if (key->type == READER_U64) *(uint64_t *)at = (uint64_t)value;
    if (key->type == READER_SIZE) *(size_t *)at = (size_t)value;
    if (key->type == READER_SECONDS) *(uint64_t *)at = (uint64_t)value * 1000;
    if (key->type == READER_BOOL) *(bool *)at = value != 0;
    if (key->type == READER_WORD) *(int *)at = (int)value;
}

static bool read_number(const struct reader *r, const config_setting_t *at, const char *what,
                        const struct reader_key *key, void *target) {
    int type = config_setting_type(at);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64) return wrong_type(r, at, what, key);
    int64_t value = type == CONFIG_TYPE_INT ? at->value.ival : at->value.llval;
    if (source_has_bad_number(r->source, at->line)) return false; /* reported with the text */
    if (value < key->min || value > key->max) {
        reader_error(r, at, "\"%s\"" IN_FMT " is %lld, but must be %lld to %lld", key->name,
                     IN_ARG(what), (long long)value, (long long)key->min, (long long)key->max);
        return false;
    }
    store_number(key, target, value);
    return true;
}

/* A string as the rules of the header want it. */
static bool good_string(const struct reader *r, const config_setting_t *at, const char *name) {
    struct str s = str_of(at->value.sval);
    const char *problem = NULL;
    if (s.len == 0) problem = "is empty";
    if (!str_is_utf8(s)) problem = "is not UTF-8";
    for (size_t i = 0; i < s.len && problem == NULL; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            problem = "holds a control character";
    if (problem != NULL) reader_error(r, at, "\"%s\" %s", name, problem);
    return problem == NULL;
}

static struct str copy_string(const struct reader *r, const config_setting_t *at) {
    struct str copy = arena_copy(r->arena, str_of(at->value.sval));
    ENSURE(copy.ptr != NULL);
    return copy;
}

static bool read_string(const struct reader *r, const config_setting_t *at, const char *what,
                        const struct reader_key *key, void *target) {
    if (config_setting_type(at) != CONFIG_TYPE_STRING) return wrong_type(r, at, what, key);
    if (!good_string(r, at, key->name)) return false;
    struct str *s = slot(target, key->offset);
    *s = copy_string(r, at);
    return true;
}

static bool read_word(const struct reader *r, const config_setting_t *at, const char *what,
                      const struct reader_key *key, void *target) {
    if (config_setting_type(at) != CONFIG_TYPE_STRING) return wrong_type(r, at, what, key);
    char known[200] = "";
    size_t len = 0;
    for (const struct reader_word *word = key->words; word->text != NULL; word++) {
        if (strcmp(at->value.sval, word->text) == 0) {
            store_number(key, target, word->value);
            return true;
        }
        int more = snprintf(known + len, sizeof(known) - len, "%s\"%s\"", len == 0 ? "" : ", ",
                            word->text);
        if (more > 0 && len + (size_t)more < sizeof(known)) len += (size_t)more;
    }
    reader_error(r, at, "\"%s\"" IN_FMT " is \"%.60s\", but must be one of %s", key->name,
                 IN_ARG(what), at->value.sval, known);
    return false;
}

static void store_strings(const struct reader_key *key, void *target, const struct str *strings,
                          size_t count) {
    const struct str **list = slot(target, key->offset);
    size_t *length = slot(target, key->count_offset);
    *list = strings;
    *length = count;
}

static bool read_strings(const struct reader *r, const config_setting_t *at, const char *what,
                         const struct reader_key *key, void *target) {
    bool single = config_setting_type(at) == CONFIG_TYPE_STRING && key->type == READER_STR_S;
    if (!single && !config_setting_is_array(at) && !config_setting_is_list(at))
        return wrong_type(r, at, what, key);
    size_t count = single ? 1 : (size_t)config_setting_length(at);
    struct str *strings = reader_alloc(r, count, sizeof(*strings));
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *element = single ? at : config_setting_get_elem(at, (unsigned)i);
        if (config_setting_type(element) != CONFIG_TYPE_STRING)
            return wrong_type(r, element, what, key);
        if (good_string(r, element, key->name))
            strings[i] = copy_string(r, element);
        else
            good = false;
    }
    if ((int64_t)count < key->min || (key->max > 0 && (int64_t)count > key->max)) {
        reader_error(r, at, "\"%s\"" IN_FMT " must have at least %lld entr%s", key->name,
                     IN_ARG(what), (long long)key->min, key->min == 1 ? "y" : "ies");
        good = false;
    }
    if (good) store_strings(key, target, strings, count);
    return good;
}

static bool read_list(const struct reader *r, const config_setting_t *at, const char *what,
                      const struct reader_key *key, void *target) {
    bool empty = config_setting_is_aggregate(at) && config_setting_length(at) == 0;
    if (!config_setting_is_list(at) && !(empty && config_setting_is_array(at)))
        return wrong_type(r, at, what, key);
    bool good = true;
    for (int i = 0; i < config_setting_length(at); i++) {
        const config_setting_t *element = config_setting_get_elem(at, (unsigned)i);
        if (!config_setting_is_group(element)) good = wrong_type(r, element, what, key);
    }
    const config_setting_t **list = slot(target, key->offset);
    *list = at;
    return good;
}

static bool read_key(const struct reader *r, const config_setting_t *at, const char *what,
                     const struct reader_key *key, void *target) {
    switch (key->type) {
    case READER_STR:
        return read_string(r, at, what, key, target);
    case READER_WORD:
        return read_word(r, at, what, key, target);
    case READER_STRS:
    case READER_STR_S:
        return read_strings(r, at, what, key, target);
    case READER_BOOL:
        if (config_setting_type(at) != CONFIG_TYPE_BOOL) return wrong_type(r, at, what, key);
        store_number(key, target, at->value.ival);
        return true;
    case READER_U32:
    case READER_U64:
    case READER_SIZE:
    case READER_SECONDS:
        return read_number(r, at, what, key, target);
    case READER_LIST:
        return read_list(r, at, what, key, target);
    case READER_GROUP:
        if (!config_setting_is_group(at)) return wrong_type(r, at, what, key);
        if (key->members != NULL) return reader_group(r, at, key->name, key->members, target);
        *(const config_setting_t **)slot(target, key->offset) = at;
        return true;
    }
    return false;
}

static void store_default(const struct reader *r, const struct reader_key *key, void *target) {
    if (key->type == READER_STR && key->absent_text != NULL) {
        struct str *s = slot(target, key->offset);
        *s = str_of(key->absent_text);
    } else if (key->type == READER_GROUP && key->members != NULL) {
        (void)reader_group(r, NULL, key->name, key->members, target);
    } else {
        store_number(key, target, key->absent);
    }
}

/* How many letters must be changed, put in or left out to make `b` of `a`. */
static size_t distance(const char *a, const char *b) {
    size_t row[NAME_MAX_JUDGED + 1], len = strlen(b);
    if (len > NAME_MAX_JUDGED) return SIZE_MAX;
    for (size_t j = 0; j <= len; j++) row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= len; j++) {
            size_t least = diagonal + (a[i] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < least) least = row[j] + 1;
            if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
            row[j] = least;
        }
    }
    return row[len];
}

/* The key that was meant, where it is one slip of the pen away, two in a longer name. */
static const char *nearest(const char *name, const struct reader_key *table) {
    size_t least = strlen(name) < 6 ? 2 : 3;
    const char *found = NULL;
    for (const struct reader_key *key = table; key->name != NULL; key++) {
        size_t far = distance(name, key->name);
        if (far >= least) continue;
        least = far;
        found = key->name;
    }
    return found;
}

static bool report_unknown(const struct reader *r, const config_setting_t *group, const char *what,
                           const struct reader_key *table) {
    bool good = true;
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
        const struct reader_key *key = table;
        while (key->name != NULL && strcmp(key->name, config_setting_name(member)) != 0) key++;
        if (key->name != NULL) continue;
        const char *meant = nearest(config_setting_name(member), table);
        reader_error(r, member, "unknown key \"%.60s\"" IN_FMT "%s%s%s",
                     config_setting_name(member), IN_ARG(what), meant != NULL ? ": is \"" : "",
                     meant != NULL ? meant : "", meant != NULL ? "\" meant?" : "");
        good = false;
    }
    return good;
}

bool reader_group(const struct reader *r, const config_setting_t *group, const char *what,
                  const struct reader_key *table, void *target) {
    bool good = group == NULL || r->ignore_unknown || report_unknown(r, group, what, table);
    for (const struct reader_key *key = table; key->name != NULL; key++) {
        store_default(r, key, target);
        const config_setting_t *at =
            group == NULL ? NULL : config_setting_get_member(group, key->name);
        if (at != NULL) {
            if (!read_key(r, at, what, key, target)) good = false;
        } else if (key->required && group != NULL) {
            reader_error(r, group, "\"%s\"" IN_FMT " is missing", key->name, IN_ARG(what));
            good = false;
        }
    }
    return good;
}
