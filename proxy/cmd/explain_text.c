/* The report as text: one line a member, in the order in which they were put there. */
#include <string.h>

#include "proxy/cmd/cmd.h"
#include "proxy/cmd/explain_report.h"

static void print(FILE *to, const json_t *string) {
    cmd_print(to, (struct str){json_string_value(string), json_string_length(string)});
}

/* "NAME (FILE:LINE)", "FILE:LINE" or "NAME (USER)". */
static void print_object(FILE *to, const json_t *object) {
    const json_t *name = json_object_get(object, "name"), *user = json_object_get(object, "user");
    print(to, name);
    if (name != NULL) fputs(" (", to);
    print(to, user != NULL ? user : json_object_get(object, "file"));
    const json_t *line = json_object_get(object, "line");
    if (line != NULL) fprintf(to, ":%" JSON_INTEGER_FORMAT, json_integer_value(line));
    if (name != NULL) fputc(')', to);
}

static void print_names(FILE *to, const json_t *names) {
    size_t at;
    const json_t *name;
    if (json_array_size(names) == 0) fputs("none", to);
    json_array_foreach(names, at, name) {
        if (at > 0) fputs(", ", to);
        if (json_string_length(name) == 0) fputs("\"\"", to);
        print(to, name);
    }
}

static void print_verdict(FILE *to, const json_t *value) {
    bool allowed = strcmp(json_string_value(value), "allowed") == 0;
    bool colour = cmd_may_colour(to);
    if (colour) fputs(allowed ? "\033[32m" : "\033[31m", to);
    print(to, value);
    if (colour) fputs("\033[0m", to);
}

static void print_value(FILE *to, const char *key, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        if (strcmp(key, "verdict") == 0)
            print_verdict(to, value);
        else
            print(to, value);
        return;
    case JSON_INTEGER:
        fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;
    case JSON_OBJECT:
        print_object(to, value);
        return;
    case JSON_ARRAY:
        print_names(to, value);
        return;
    case JSON_NULL:
        fputs(strcmp(key, "rule") == 0 ? "none matches" : "none", to);
        return;
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
        return;
    }
}

static void print_rules(FILE *to, const json_t *report) {
    const json_t *rules = json_object_get(report, "trace");
    if (rules == NULL) return;
    fputs("\nrules in their order\n", to);
    size_t at;
    const json_t *rule;
    json_array_foreach(rules, at, rule) {
        fprintf(to, "%c %-5s  ",
                strcmp(json_string_value(json_object_get(rule, "result")), "matches") == 0 ? '>'
                                                                                           : ' ',
                json_string_value(json_object_get(rule, "effect")));
        print_object(to, rule);
        fputs(": ", to);
        print(to, json_object_get(rule, "text"));
        fputc('\n', to);
    }
    json_int_t more = json_integer_value(json_object_get(report, "rules_not_asked"));
    if (more > 0) fprintf(to, "  %" JSON_INTEGER_FORMAT " more are not asked\n", more);
}

void explain_report_text(FILE *to, json_t *report) {
    for (void *at = json_object_iter(report); at != NULL; at = json_object_iter_next(report, at)) {
        const char *key = json_object_iter_key(at);
        if (strcmp(key, "trace") == 0 || strcmp(key, "rules_not_asked") == 0) continue;
        fprintf(to, "%-10s ", key);
        print_value(to, key, json_object_iter_value(at));
        fputc('\n', to);
    }
    print_rules(to, report);
}
