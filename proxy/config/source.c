#include "proxy/config/source.h"

#include <stdio.h>
#include <string.h>

#include "proxy/config/source_scan.h"
#include "proxy/config/textfile.h"

#define INCLUDE_DEPTH 10
#define SOURCE_MAX    ((size_t)64 << 20) /* of one file: 5,000 phones need about 2 MiB */

/* What reading one file needs to know. */
struct part {
    unsigned file; /* index into source.files */
    unsigned line; /* of what is appended next */
    unsigned depth;
    struct problems *problems;
};

static void begin_line(struct source *s, const struct part *part) {
    if (s->line_count == s->line_capacity) {
        s->line_capacity = s->line_capacity == 0 ? 256 : 2 * s->line_capacity;
        s->lines = realloc(s->lines, s->line_capacity * sizeof(*s->lines));
        ENSURE(s->lines != NULL);
    }
    s->lines[s->line_count++] = (struct source_line){part->file, part->line};
}

static void append(struct source *s, struct part *part, struct str text) {
    if (s->capacity - s->len <= text.len) {
        s->capacity = 2 * (s->len + text.len + 1);
        s->text = realloc(s->text, s->capacity);
        ENSURE(s->text != NULL);
    }
    if (text.len > 0) memcpy(s->text + s->len, text.ptr, text.len);
    s->len += text.len;
    s->text[s->len] = '\0';
    for (size_t i = str_find(text, '\n', 0); i < text.len; i = str_find(text, '\n', i + 1)) {
        part->line++;
        begin_line(s, part);
    }
}

static unsigned add_file(struct source *s, char *name) {
    s->files = realloc(s->files, (s->file_count + 1) * sizeof(*s->files));
    ENSURE(s->files != NULL);
    s->files[s->file_count] = name;
    return (unsigned)s->file_count++;
}

static char *join_directory(const char *of, struct str path) {
    const char *slash = strrchr(of, '/');
    size_t directory = slash == NULL || path.ptr[0] == '/' ? 0 : (size_t)(slash - of) + 1;
    char *joined = malloc(directory + path.len + 1);
    ENSURE(joined != NULL);
    memcpy(joined, of, directory);
    memcpy(joined + directory, path.ptr, path.len);
    joined[directory + path.len] = '\0';
    return joined;
}

static void part_error(const struct source *s, const struct part *part, unsigned line,
                       const char *format, ...) PRINTF_LIKE(4, 5);

static void part_error(const struct source *s, const struct part *part, unsigned line,
                       const char *format, ...) {
    struct problem_place place = {s->rank, (unsigned)s->line_count, s->files[part->file], line};
    va_list args;
    va_start(args, format);
    problems_vadd(part->problems, CONFIG_ERROR, place, format, args);
    va_end(args);
}

static void note_bad_number(struct source *s, const struct part *part, const struct scan *scan) {
    s->bad_numbers = realloc(s->bad_numbers, (s->bad_number_count + 1) * sizeof(unsigned));
    ENSURE(s->bad_numbers != NULL);
    s->bad_numbers[s->bad_number_count++] = (unsigned)s->line_count;
    bool is_long = scan->name.ptr[scan->name.len - 1] == 'L';
    part_error(s, part, scan->found_line,
               is_long ? "integer %.*s does not fit 64 bits"
                       : "integer %.*s does not fit 32 bits; write an L behind it if it is meant",
               (int)(scan->name.len > 40 ? 40 : scan->name.len), scan->name.ptr);
}

static bool append_text(struct source *s, struct part *part, struct str text);

static bool append_include(struct source *s, struct part *part, const struct scan *scan) {
    if (part->depth == INCLUDE_DEPTH) {
        part_error(s, part, scan->found_line, "files included more than %d deep", INCLUDE_DEPTH);
        return false;
    }
    struct part inner = {.line = 0, .depth = part->depth + 1, .problems = part->problems};
    char *path = join_directory(s->files[0], scan->name);
    inner.file = add_file(s, path);
    struct textfile file;
    char error[160];
    if (!textfile_read(path, TEXTFILE_PUBLIC, SOURCE_MAX, &file, error, sizeof(error))) {
        part_error(s, part, scan->found_line, "cannot read included file \"%s\": %s", path, error);
        return false;
    }
    append(s, &inner, STR("\n"));
    bool good = append_text(s, &inner, (struct str){file.text, file.len});
    textfile_free(&file);
    part->line--; /* the rest of the directive's own line follows */
    append(s, part, STR("\n"));
    return good;
}

/* Append one file's text and what it includes. False when the rest makes no sense. */
static bool append_text(struct source *s, struct part *part, struct str text) {
    struct scan scan;
    scan_init(&scan, text);
    size_t done = 0;
    for (;;) {
        enum scan_found found = scan_next(&scan);
        size_t upto = found == SCAN_END ? text.len : scan.found;
        append(s, part, str_part(text, done, upto - done));
        done = upto;
        switch (found) {
        case SCAN_END:
            return true;
        case SCAN_INCLUDE:
            if (!append_include(s, part, &scan)) return false;
            done = scan.at;
            break;
        case SCAN_BAD_INCLUDE:
            part_error(s, part, scan.found_line, "@include needs a file name in double quotes");
            return false;
        case SCAN_BAD_NUMBER:
            note_bad_number(s, part, &scan);
            break;
        case SCAN_NUL:
            part_error(s, part, scan.found_line, "a NUL character");
            return false;
        case SCAN_OPEN:
            part_error(s, part, scan.found_line, "a string or comment begins here and never ends");
            return false;
        }
    }
}

/* What libconfig says, and what to look for. */
static const char *what_to_do(const char *text) {
    if (strcmp(text, "syntax error") == 0)
        return ", here or just above: a bracket, a quote or a comma that is missing, or a unit "
               "behind a number";
    if (strcmp(text, "duplicate setting name") == 0)
        return ": this key stands in this group already";
    return "";
}

static enum source_result parse(struct source *s, struct problems *problems) {
    if (config_read_string(&s->tree, s->text) == CONFIG_TRUE) return SOURCE_OK;
    /* libconfig stops at its first error, so it is told alone: what we found before it may only
     * follow from it. */
    problems_free(problems);
    int line = config_error_line(&s->tree);
    problems_add(problems, CONFIG_ERROR, source_place(s, line > 0 ? (unsigned)line : 1), "%s%s",
                 config_error_text(&s->tree), what_to_do(config_error_text(&s->tree)));
    return SOURCE_INVALID;
}

enum source_result source_from_text(struct source *source, const char *path, struct str text,
                                    unsigned rank, struct problems *problems) {
    *source = (struct source){.rank = rank};
    config_init(&source->tree);
    char *name = strdup(path);
    ENSURE(name != NULL);
    struct part part = {.file = add_file(source, name), .line = 1, .problems = problems};
    begin_line(source, &part);
    struct problems found = {0};
    part.problems = &found;
    enum source_result result = SOURCE_INVALID;
    if (append_text(source, &part, text)) result = parse(source, &found);
    problems_move(problems, &found);
    return result;
}

enum source_result source_read(struct source *source, const char *path, unsigned rank,
                               struct problems *problems) {
    struct textfile file;
    char error[160];
    if (!textfile_read(path, TEXTFILE_PUBLIC, SOURCE_MAX, &file, error, sizeof(error))) {
        *source = (struct source){.rank = rank};
        config_init(&source->tree);
        problems_add(problems, CONFIG_ERROR, (struct problem_place){rank, 0, path, 0},
                     "cannot be read: %s", error);
        return SOURCE_UNREADABLE;
    }
    enum source_result result =
        source_from_text(source, path, (struct str){file.text, file.len}, rank, problems);
    textfile_free(&file);
    return result;
}

void source_free(struct source *source) {
    config_destroy(&source->tree);
    for (size_t i = 0; i < source->file_count; i++) free(source->files[i]);
    free(source->files);
    free(source->lines);
    free(source->bad_numbers);
    free(source->text);
    *source = (struct source){0};
}

struct problem_place source_place(const struct source *source, unsigned line) {
    if (line == 0 || source->line_count == 0)
        return (struct problem_place){source->rank, 0, source->files[0], 1};
    size_t index = line > source->line_count ? source->line_count : line;
    const struct source_line *at = &source->lines[index - 1];
    return (struct problem_place){source->rank, line, source->files[at->file],
                                  at->line == 0 ? 1 : at->line};
}

bool source_has_bad_number(const struct source *source, unsigned line) {
    for (size_t i = 0; i < source->bad_number_count; i++)
        if (source->bad_numbers[i] == line) return true;
    return false;
}

char *source_resolve(const struct source *source, unsigned line, const char *path) {
    return join_directory(source_place(source, line).file, str_of(path));
}
