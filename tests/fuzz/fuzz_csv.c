/* Any octets as a table: no crash, no end that never comes; fields lie in the text, lines only
 * rise, and a row written in quotes reads back as it was. */
#include <stdlib.h>
#include <string.h>

#include "proxy/cmd/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    ENSURE(copy != NULL);
    memcpy(copy, data, size);
    return copy;
}

/* Each field in quotes, each quote twice. Returns the length. */
static size_t write_row(const struct csv_row *row, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (i > 0) out[len++] = ',';
        out[len++] = '"';
        for (size_t k = 0; k < row->fields[i].len; k++) {
            if (row->fields[i].ptr[k] == '"') out[len++] = '"';
            out[len++] = row->fields[i].ptr[k];
        }
        out[len++] = '"';
    }
    return len;
}

static void check_reads_back(const struct csv_row *row, size_t size) {
    char *text = malloc(2 * size + 4 * CSV_FIELDS_MAX);
    struct csv csv;
    struct csv_row again;
    ENSURE(text != NULL);
    csv_init(&csv, text, write_row(row, text));
    csv.separator = ','; /* the first field may hold a line end in front of the comma */
    ENSURE(csv_next(&csv, &again) == CSV_ROW && again.count == row->count);
    for (size_t i = 0; i < row->count; i++) ENSURE(str_equal(again.fields[i], row->fields[i]));
    ENSURE(csv_next(&csv, &again) == CSV_END);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = copy_of(data, size);
    struct csv csv;
    struct csv_row row;
    unsigned line = 0;
    csv_init(&csv, text, size);
    for (size_t turns = 0;; turns++) {
        enum csv_verdict verdict = csv_next(&csv, &row);
        ENSURE(turns <= size && csv.at <= size && csv_verdict_str(verdict)[0] != '\0');
        if (verdict == CSV_END) break;
        ENSURE(row.line > line && row.count <= CSV_FIELDS_MAX);
        ENSURE((verdict == CSV_ROW) == (row.count > 0));
        line = row.line;
        for (size_t i = 0; i < row.count; i++) {
            ENSURE(row.fields[i].ptr >= text && row.fields[i].len <= CSV_FIELD_MAX);
            ENSURE((size_t)(row.fields[i].ptr - text) + row.fields[i].len <= size);
        }
        if (verdict == CSV_ROW) check_reads_back(&row, size);
    }
    free(text);
    return 0;
}
