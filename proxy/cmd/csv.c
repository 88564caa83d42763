#include "proxy/cmd/csv.h"

static const char *const verdicts[] = {
    [CSV_ROW] = "a row",
    [CSV_END] = "the end",
    [CSV_BAD_QUOTE] = "a quote stands inside: the whole field goes in quotes, each quote twice",
    [CSV_UNCLOSED] = "a quote is opened here and never closed",
    [CSV_TOO_MANY] = "more columns than phonegate reads",
    [CSV_TOO_LONG] = "a field is too long",
};

const char *csv_verdict_str(enum csv_verdict verdict) {
    return verdicts[verdict];
}

static char separator_of(const struct csv *csv) {
    bool semicolon = false;
    for (size_t i = csv->at; i < csv->len && csv->text[i] != '\n'; i++) {
        if (csv->text[i] == ',') return ',';
        semicolon = semicolon || csv->text[i] == ';';
    }
    return semicolon ? ';' : ',';
}

// NOLINTNEXTLINE(readability-non-const-parameter): csv->text is written through
void csv_init(struct csv *csv, char *text, size_t len) {
    *csv = (struct csv){.text = text, .len = len, .line = 1};
    if (str_starts_with((struct str){text, len}, STR("\xef\xbb\xbf"))) csv->at = 3;
    csv->separator = separator_of(csv);
}

/* At the end of a line, or of the text? */
static bool at_end(const struct csv *csv) {
    if (csv->at >= csv->len || csv->text[csv->at] == '\n') return true;
    return csv->text[csv->at] == '\r' && csv->at + 1 < csv->len && csv->text[csv->at + 1] == '\n';
}

static void skip_line_end(struct csv *csv) {
    if (csv->at < csv->len && csv->text[csv->at] == '\r') csv->at++;
    if (csv->at >= csv->len) return;
    csv->at++;
    csv->line++;
}

static enum csv_verdict take_plain(struct csv *csv, struct str *field) {
    size_t from = csv->at;
    while (!at_end(csv) && csv->text[csv->at] != csv->separator) {
        if (csv->text[csv->at] == '"') return CSV_BAD_QUOTE;
        csv->at++;
    }
    *field = (struct str){csv->text + from, csv->at - from};
    return field->len > CSV_FIELD_MAX ? CSV_TOO_LONG : CSV_ROW;
}

/* Behind the opening quote. What is written never overtakes what is read. */
static enum csv_verdict take_quoted(struct csv *csv, struct str *field) {
    char *out = csv->text + ++csv->at;
    *field = (struct str){out, 0};
    for (;; csv->at++) {
        if (csv->at >= csv->len) return CSV_UNCLOSED;
        char c = csv->text[csv->at];
        if (c == '"') {
            if (csv->at + 1 >= csv->len || csv->text[csv->at + 1] != '"') break;
            csv->at++;
        }
        if (c == '\n') csv->line++;
        *out++ = c;
        field->len++;
    }
    csv->at++;
    if (!at_end(csv) && csv->text[csv->at] != csv->separator) return CSV_BAD_QUOTE;
    return field->len > CSV_FIELD_MAX ? CSV_TOO_LONG : CSV_ROW;
}

static enum csv_verdict take_row(struct csv *csv, struct csv_row *row) {
    for (;;) {
        struct str field;
        bool quoted = csv->at < csv->len && csv->text[csv->at] == '"';
        enum csv_verdict verdict = quoted ? take_quoted(csv, &field) : take_plain(csv, &field);
        if (verdict != CSV_ROW) return verdict;
        if (row->count == CSV_FIELDS_MAX) return CSV_TOO_MANY;
        row->fields[row->count++] = field;
        if (at_end(csv)) return CSV_ROW;
        csv->at++; /* the separator */
    }
}

enum csv_verdict csv_next(struct csv *csv, struct csv_row *row) {
    while (csv->at < csv->len && at_end(csv)) skip_line_end(csv);
    *row = (struct csv_row){.line = csv->line};
    if (csv->at >= csv->len) return CSV_END;
    enum csv_verdict verdict = take_row(csv, row);
    if (verdict != CSV_ROW) row->count = 0;
    while (!at_end(csv)) csv->at++;
    skip_line_end(csv);
    return verdict;
}
