/* An audit's report for a terminal, a mail or a ticket. */
#include <string.h>

#include "proxy/harden/audit_report_parts.h"

#define ID_COLUMN_MAX 24

static const char *const steps[] = {"1", "2", "3", "4", "beyond"};

/* What phones, configurations and earlier reports say is other people's text: no control characters
 * reach a terminal. */
static void put_safe(FILE *to, const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        (void)fputc(c < 0x20 || c == 0x7f ? '?' : c, to);
    }
}

static void put_padded(FILE *to, const char *text, int width) {
    int len = (int)strlen(text);
    put_safe(to, text);
    for (; len < width; len++) (void)fputc(' ', to);
}

static const char *colour_of(const char *state) {
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    if (strcmp(state, "closed") == 0) return "\033[36m";
    return colours[report_state_rank(state)];
}

static void put_state(FILE *to, const char *state, int width, bool colours) {
    if (colours) (void)fputs(colour_of(state), to);
    put_padded(to, state, width);
    if (colours) (void)fputs("\033[0m", to);
}

static void put_summary(const json_t *report, FILE *to) {
    const json_t *summary = json_object_get(report, "summary");
    fprintf(to, "Audit of %s: %zu phones, %zu fall short.\n", report_text(report, "made"),
            report_number(summary, "phones"), report_number(summary, "short"));
    if (report_text(report, "baseline")[0] != '\0') {
        (void)fputs("Only what changed since ", to);
        put_safe(to, report_text(report, "baseline"));
        (void)fputs(".\n", to);
    }
    if (report_number(summary, "closed") > 0)
        fprintf(to, "%zu closed: the web interface is off, what it is provisioned with counts.\n",
                report_number(summary, "closed"));
    fprintf(to, "\n%-8s %8s %8s %8s %8s\n", "", "holds", "fails", "unknown", "closed");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const json_t *step = json_object_get(json_object_get(summary, "steps"), steps[i]);
        fprintf(to, "%s%-*s %8zu %8zu %8zu %8zu\n", i < 4 ? "step " : "", i < 4 ? 3 : 8, steps[i],
                report_number(step, "holds"), report_number(step, "fails"),
                report_number(step, "unknown"), report_number(step, "closed"));
    }
}

static int id_width(const json_t *phones) {
    size_t i, width = strlen("PHONE");
    const json_t *phone;
    json_array_foreach(phones, i, phone) {
        size_t len = strlen(report_text(phone, "id"));
        if (len > width) width = len;
    }
    return (int)(width < ID_COLUMN_MAX ? width : ID_COLUMN_MAX);
}

static void put_table(const json_t *phones, FILE *to, bool colours) {
    int width = id_width(phones);
    size_t i;
    const json_t *phone;
    fprintf(to, "\n%-*s  %-8s %-8s %-8s %-8s %-8s %-8s %-7s %s\n", width, "PHONE", "MODEL",
            "STEP 1", "STEP 2", "STEP 3", "STEP 4", "BEYOND", "WORST", "TROUBLE");
    json_array_foreach(phones, i, phone) {
        const char *model = report_text(phone, "model"), *worst = report_text(phone, "worst");
        put_padded(to, report_text(phone, "id"), width);
        (void)fputs("  ", to);
        put_padded(to, model[0] != '\0' ? model : "-", 8);
        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            (void)fputc(' ', to);
            put_state(to, report_text(json_object_get(phone, "steps"), steps[s]), 8, colours);
        }
        (void)fputc(' ', to);
        put_padded(to, worst[0] != '\0' ? worst : "-", 7);
        (void)fputc(' ', to);
        put_safe(to, report_text(phone, "trouble"));
        (void)fputc('\n', to);
    }
}

/* ---- one phone ---- */

static void put_finding(const json_t *f, FILE *to, bool colours) {
    const char *step = report_text(f, "step"), *change = report_text(f, "change");
    (void)fputs("  ", to);
    if (change[0] != '\0') put_padded(to, change, 8);
    put_state(to, report_text(f, "state"), 8, colours);
    put_padded(to, report_text(f, "severity"), 7);
    (void)fputs(report_is(f, "step", "beyond") ? "" : "step ", to);
    put_padded(to, step, report_is(f, "step", "beyond") ? 8 : 3);
    put_safe(to, report_text(f, "name"));
    (void)fputs(": ", to);
    put_safe(to, report_text(f, "seen"));
    if (!report_is(f, "state", "holds")) {
        (void)fputs("; wanted ", to);
        put_safe(to, report_text(f, "wanted"));
    }
    (void)fputc('\n', to);
    if (report_is(f, "state", "fails") && report_text(f, "mend")[0] != '\0') {
        (void)fputs("          ", to);
        put_safe(to, report_text(f, "mend"));
        (void)fputc('\n', to);
    }
}

/* Without a baseline: what falls short, failures in front. With one: every change. */
static void put_findings(const json_t *phone, FILE *to, bool colours) {
    const json_t *list = json_object_get(phone, "findings"), *f;
    size_t i;
    for (int severity = 3; severity >= 0; severity--) {
        json_array_foreach(list, i, f) {
            bool fails = report_is(f, "state", "fails");
            bool here = report_severity_rank(report_text(f, "severity")) == severity;
            if (here && fails && (report_flag(f, "short") || report_text(f, "change")[0] != '\0'))
                put_finding(f, to, colours);
        }
    }
    json_array_foreach(list, i, f) {
        if (report_is(f, "state", "fails")) continue;
        if (report_flag(f, "short") || report_text(f, "change")[0] != '\0')
            put_finding(f, to, colours);
    }
}

static void put_head(const json_t *phone, FILE *to) {
    static const char *const more[] = {"model", "firmware", "address"};
    (void)fputc('\n', to);
    put_safe(to, report_text(phone, "id"));
    if (!report_is(phone, "name", report_text(phone, "id"))) {
        (void)fputs(" \"", to);
        put_safe(to, report_text(phone, "name"));
        (void)fputc('"', to);
    }
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        if (report_text(phone, more[i])[0] == '\0') continue;
        (void)fputs(", ", to);
        put_safe(to, report_text(phone, more[i]));
    }
    if (report_text(phone, "trouble")[0] != '\0') {
        (void)fputs(": ", to);
        put_safe(to, report_text(phone, "trouble"));
        fprintf(to, ". %s", report_meaning(report_text(phone, "trouble")));
    }
    if (report_text(phone, "change")[0] != '\0') {
        (void)fputs(" [", to);
        put_safe(to, report_text(phone, "change"));
        (void)fputc(']', to);
    }
    (void)fputc('\n', to);
}

void audit_report_write_text(const json_t *report, FILE *to, bool colours) {
    const json_t *phones = json_object_get(report, "phones"), *phone;
    bool compared = report_text(report, "baseline")[0] != '\0';
    size_t i;
    put_summary(report, to);
    if (json_array_size(phones) == 0) {
        (void)fputs(compared ? "\nNothing has changed.\n" : "\nThere are no phones.\n", to);
        return;
    }
    put_table(phones, to, colours);
    json_array_foreach(phones, i, phone) {
        if (!compared && !report_flag(phone, "short")) continue;
        put_head(phone, to);
        put_findings(phone, to, colours);
    }
}
