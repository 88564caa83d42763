/* phonegate replay: what would a new configuration have made of yesterday? */
#include <errno.h>
#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/replay.h"
#include "proxy/config/strmap.h"

#define FILES_MAX  64
#define GROUPS_MAX 1000 /* kinds of changes; more of them are only counted */

/* Changes of one kind. All texts are owned. */
struct group {
    char *key, *was_by, *is_by, *example;
    bool was_allowed;
    size_t count;
};

struct replay {
    const struct config *config;
    struct explain explain;
    struct group *groups;
    size_t group_count;
    struct strmap by_key;
    size_t counts[4]; /* by enum replay_verdict */
    size_t ungrouped, malformed;
};

static char *example_of(const char *path, unsigned long line, const json_t *record) {
    static const char *const keys[] = {"user", "phone_id", "method", "path"};
    const char *texts[ARRAY_LEN(keys)];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        texts[i] = json_string_value(json_object_get(record, keys[i]));
        if (texts[i] == NULL) texts[i] = "-";
    }
    char *text;
    ENSURE(asprintf(&text, "%s:%lu: %s %s %s %s", path, line, texts[0], texts[1], texts[2],
                    texts[3]) > 0);
    return text;
}

static char *copy(const char *text) {
    char *copied = strdup(text);
    ENSURE(copied != NULL);
    return copied;
}

static void note_change(struct replay *r, const struct replay_answer *answer, const char *path,
                        unsigned long line, const json_t *record) {
    char *key;
    ENSURE(asprintf(&key, "%d\n%s\n%s", answer->was_allowed, answer->was_by, answer->is_by) > 0);
    size_t index;
    if (strmap_find(&r->by_key, str_of(key), &index)) {
        r->groups[index].count++;
        free(key);
    } else if (r->group_count == GROUPS_MAX) {
        r->ungrouped++;
        free(key);
    } else {
        (void)!strmap_add(&r->by_key, str_of(key), r->group_count, &index);
        r->groups[r->group_count++] = (struct group){.key = key,
                                                     .was_by = copy(answer->was_by),
                                                     .is_by = copy(answer->is_by),
                                                     .example = example_of(path, line, record),
                                                     .was_allowed = answer->was_allowed,
                                                     .count = 1};
    }
}

static void take_line(struct replay *r, const char *path, unsigned long number, struct str line) {
    json_t *record = json_loadb(line.ptr, line.len, 0, NULL);
    if (!json_is_object(record)) {
        if (r->malformed++ == 0)
            (void)fprintf(stderr, "%s:%lu: error: this line is no record\n", path, number);
        json_decref(record);
        return;
    }
    struct replay_answer answer;
    enum replay_verdict verdict = replay_judge(&r->explain, r->config, record, &answer);
    r->counts[verdict]++;
    if (verdict == REPLAY_OTHERWISE) note_change(r, &answer, path, number, record);
    json_decref(record);
}

static int take_file(struct replay *r, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL) return cmd_usage_error("replay", "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    for (unsigned long number = 1; (got = getline(&line, &room, file)) > 0; number++)
        take_line(r, path, number, (struct str){line, (size_t)got});
    free(line);
    bool broken = ferror(file) != 0;
    if (!standard) (void)fclose(file);
    return broken ? cmd_usage_error("replay", "%s: %s", path, strerror(EIO)) : CMD_FINE;
}

/* ---- what is told ---- */

static void print_text(const struct replay *r) {
    for (size_t i = 0; i < r->group_count; i++) {
        const struct group *g = &r->groups[i];
        printf("%zu  %s (", g->count, g->was_allowed ? "allowed" : "refused");
        cmd_print(stdout, str_of(g->was_by));
        printf(") -> %s (", g->was_allowed ? "refused" : "allowed");
        cmd_print(stdout, str_of(g->is_by));
        printf(")\n   ");
        cmd_print(stdout, str_of(g->example));
        printf("\n");
    }
    if (r->ungrouped > 0) printf("%zu  of other kinds\n", r->ungrouped);
    printf("%zu as before, %zu otherwise, %zu cannot be told, %zu not about a phone",
           r->counts[REPLAY_SAME], r->counts[REPLAY_OTHERWISE], r->counts[REPLAY_UNKNOWN],
           r->counts[REPLAY_NOT_JUDGED]);
    if (r->malformed > 0) printf(", %zu no records", r->malformed);
    printf("\n");
}

static void print_json(const struct replay *r) {
    json_t *groups = json_array();
    for (size_t i = 0; i < r->group_count; i++) {
        const struct group *g = &r->groups[i];
        json_t *one = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s}", "count", (json_int_t)g->count, "was",
                                g->was_allowed ? "allowed" : "refused", "was_by", g->was_by,
                                "would_be", g->was_allowed ? "refused" : "allowed", "would_be_by",
                                g->is_by, "example", g->example);
        ENSURE(one != NULL && json_array_append_new(groups, one) == 0);
    }
    json_t *all =
        json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "changes", groups, "other_kinds",
                  (json_int_t)r->ungrouped, "as_before", (json_int_t)r->counts[REPLAY_SAME],
                  "otherwise", (json_int_t)r->counts[REPLAY_OTHERWISE], "cannot_tell",
                  (json_int_t)r->counts[REPLAY_UNKNOWN], "not_judged",
                  (json_int_t)r->counts[REPLAY_NOT_JUDGED], "no_records", (json_int_t)r->malformed);
    ENSURE(all != NULL);
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static void release(struct replay *r) {
    for (size_t i = 0; i < r->group_count; i++) {
        free(r->groups[i].key);
        free(r->groups[i].was_by);
        free(r->groups[i].is_by);
        free(r->groups[i].example);
    }
    free(r->groups);
    strmap_free(&r->by_key);
    explain_deinit(&r->explain);
}

static int replay(const struct config *config, const char *const *files, size_t count, bool json) {
    static const uint64_t key[2]; /* names of our own rules */
    struct replay r = {.config = config, .groups = calloc(GROUPS_MAX, sizeof(*r.groups))};
    ENSURE(r.groups != NULL);
    strmap_init(&r.by_key, key);
    explain_init(&r.explain);
    int status = CMD_FINE;
    for (size_t i = 0; i < count && status == CMD_FINE; i++) status = take_file(&r, files[i]);
    if (status == CMD_FINE && json) print_json(&r);
    if (status == CMD_FINE && !json) print_text(&r);
    if (status == CMD_FINE && r.counts[REPLAY_OTHERWISE] > 0) status = CMD_NO;
    if (r.malformed > 0) status = CMD_USAGE; /* "nothing would change" is not known */
    release(&r);
    return status;
}

int cmd_replay(int argc, char **argv) {
    const char *file = NULL, *format = "text", *given = NULL, *files[FILES_MAX];
    const struct cmd_option options[] = {{"-c", &file}, {"--format", &given}, {NULL, NULL}};
    size_t count = ARRAY_LEN(files);
    if (!cmd_args(argc, argv, options, files, &count)) return CMD_USAGE;
    if (given != NULL) format = given;
    if (count == 0) return cmd_usage_error(argv[0], "ACCESS_LOG is missing");
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return cmd_usage_error(argv[0], "--format is text or json");
    struct cmd_problems problems = {.quiet_warnings = true};
    struct config *config;
    enum config_result result =
        config_load(file != NULL ? file : CMD_DEFAULT_FILE, cmd_report, &problems, &config);
    if (config == NULL) return cmd_status_of(result);
    int status = replay(config, files, count, strcmp(format, "json") == 0);
    config_release(config);
    return status;
}
