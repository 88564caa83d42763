/* phonegate user list --md5: before MD5 is switched off, who still needs it? */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/cmd_user_parts.h"
#include "proxy/config/strmap.h"

struct seen {
    char *name, *last; /* owned */
    size_t count;
};

struct report {
    struct seen *people;
    size_t count, room;
    struct strmap by_name; /* index into people */
    unsigned long unreadable;
};

static struct seen *find_or_add(struct report *r, const char *name) {
    size_t index;
    if (strmap_find(&r->by_name, str_of(name), &index)) return &r->people[index];
    if (r->count == r->room) {
        r->room = r->room == 0 ? 64 : 2 * r->room;
        r->people = realloc(r->people, r->room * sizeof(*r->people));
        ENSURE(r->people != NULL);
    }
    struct seen *person = &r->people[r->count];
    *person = (struct seen){.name = strdup(name)};
    ENSURE(person->name != NULL);
    (void)!strmap_add(&r->by_name, str_of(person->name), r->count++, &index);
    return person;
}

/* Only proven people: `user` stands in no other record. */
static void take_record(struct report *r, const json_t *record) {
    const char *alg = json_string_value(json_object_get(record, "digest_alg"));
    const char *name = json_string_value(json_object_get(record, "user"));
    const char *time = json_string_value(json_object_get(record, "ts"));
    if (alg == NULL || name == NULL || time == NULL || strcmp(alg, "MD5") != 0) return;
    struct seen *person = find_or_add(r, name);
    person->count++;
    if (person->last != NULL && strcmp(person->last, time) >= 0) return;
    free(person->last);
    person->last = strdup(time);
    ENSURE(person->last != NULL);
}

static void read_log(struct report *r, FILE *file) {
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while ((got = getline(&line, &room, file)) > 0) {
        if (memmem(line, (size_t)got, "MD5", 3) == NULL) continue; /* most lines, quickly */
        json_t *record = json_loadb(line, (size_t)got, 0, NULL);
        if (record == NULL)
            r->unreadable++;
        else
            take_record(r, record);
        json_decref(record);
    }
    free(line);
}

static void print_and_free(struct report *r) {
    for (size_t i = 0; i < r->count; i++) {
        struct seen *person = &r->people[i];
        cmd_print(stdout, str_of(person->name));
        printf("\t%zu\t", person->count);
        cmd_print(stdout, str_of(person->last));
        putchar('\n');
        free(person->name);
        free(person->last);
    }
    free(r->people);
    strmap_free(&r->by_name);
}

int cmd_user_list_md5(const char *path) {
    static const uint64_t key[2]; /* names of our own people */
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (file == NULL) return cmd_usage_error("user", "%s: %s", path, strerror(errno));
    struct report report = {.count = 0};
    strmap_init(&report.by_name, key);
    read_log(&report, file);
    bool broken = ferror(file) != 0;
    if (!standard) (void)fclose(file);
    int status = report.count > 0 ? CMD_NO : CMD_FINE;
    print_and_free(&report);
    if (broken) return cmd_usage_error("user", "%s: %s", path, strerror(EIO));
    /* Who stands in them is not known, so "nobody" would be a lie. */
    if (report.unreadable > 0)
        return cmd_user_refuse("%s: %lu line(s) with MD5 are no records", path, report.unreadable);
    return status;
}
