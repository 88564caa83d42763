/* proxy/cmd/csv.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/cmd/csv.h"

/* Rows as "LINE[field|field]" and errors as "LINE!"; one after the other. */
static const char *shown(const char *table, size_t len, char out[4096]) {
    char *text = malloc(len + 1);
    assert_non_null(text);
    memcpy(text, table, len);
    struct csv csv;
    struct csv_row row;
    size_t at = 0;
    csv_init(&csv, text, len);
    for (enum csv_verdict v; (v = csv_next(&csv, &row)) != CSV_END;) {
        at += (size_t)snprintf(out + at, 4096 - at, v == CSV_ROW ? "%u[" : "%u!", row.line);
        for (size_t i = 0; i < row.count; i++)
            at += (size_t)snprintf(out + at, 4096 - at, "%s" STR_FMT, i > 0 ? "|" : "",
                                   STR_ARG(row.fields[i]));
        if (v == CSV_ROW) at += (size_t)snprintf(out + at, 4096 - at, "]");
    }
    out[at] = '\0';
    free(text);
    return out;
}

static void rows_of_rfc_4180(void **state) {
    static const struct {
        const char *table, *rows;
    } cases[] = {
        {"", ""},
        {"a,b,c\n", "1[a|b|c]"},
        {"a,b,c", "1[a|b|c]"},                      /* the last line end may be missing */
        {"a,b\r\nc,d\r\n", "1[a|b]2[c|d]"},         /* CRLF */
        {"a,,\n", "1[a||]"},                        /* empty fields */
        {",\n", "1[|]"},                            /* two of them */
        {"\"a\",\"b c\"\n", "1[a|b c]"},            /* quotes that need not be there */
        {"\"a,b\",c\n", "1[a,b|c]"},                /* a separator in quotes */
        {"\"a\"\"b\",c\n", "1[a\"b|c]"},            /* a quote in quotes */
        {"\"\"\"\"\n", "1[\"]"},                    /* nothing but one */
        {"\"\",x\n", "1[|x]"},                      /* an empty field in quotes */
        {"\"a\nb\",c\nd\n", "1[a\nb|c]3[d]"},       /* a line end in quotes */
        {"\"a\r\nb\"\r\nc", "1[a\r\nb]3[c]"},       /* ... of two octets */
        {" a , b\n", "1[ a | b]"},                  /* blanks belong to the field */
        {"\xef\xbb\xbf\"a\",b\n", "1[a|b]"},        /* a mark of UTF-8 in front */
        {"\n\r\n\na\n\n", "4[a]"},                  /* empty lines */
        {"a;b;c\n1;2,5;3\n", "1[a|b|c]2[1|2,5|3]"}, /* semicolons, by the first line */
        {"a,b;c\n", "1[a|b;c]"},                    /* the comma has precedence */
        {"a\rb,c\n", "1[a\rb|c]"},                  /* CR alone ends nothing */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[4096];
        assert_string_equal(shown(cases[i].table, strlen(cases[i].table), out), cases[i].rows);
    }
}

static void an_error_costs_its_row_only(void **state) {
    static const struct {
        const char *table, *rows;
    } cases[] = {
        {"a\"b,c\nd\n", "1!2[d]"},   /* a quote in the middle */
        {"a, \"b\"\nd\n", "1!2[d]"}, /* behind a blank */
        {"\"a\"b,c\nd\n", "1!2[d]"}, /* text behind the closing one */
        {"a\n\"b,c\nd\n", "1[a]2!"}, /* never closed: nobody knows where it should have been */
        {"\"", "1!"},
        {"\"a\"\"", "1!"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[4096];
        assert_string_equal(shown(cases[i].table, strlen(cases[i].table), out), cases[i].rows);
    }
}

static enum csv_verdict first(char *text, size_t len) {
    struct csv csv;
    struct csv_row row;
    csv_init(&csv, text, len);
    return csv_next(&csv, &row);
}

static void limits_hold_at_their_edges(void **state) {
    char commas[2 * CSV_FIELDS_MAX], *field = malloc(CSV_FIELD_MAX + 3);
    (void)state;
    assert_non_null(field);
    memset(commas, ',', sizeof(commas));
    assert_int_equal(first(commas, CSV_FIELDS_MAX - 1), CSV_ROW);
    assert_int_equal(first(commas, CSV_FIELDS_MAX), CSV_TOO_MANY);
    memset(field, 'x', CSV_FIELD_MAX + 3);
    assert_int_equal(first(field, CSV_FIELD_MAX), CSV_ROW);
    assert_int_equal(first(field, CSV_FIELD_MAX + 1), CSV_TOO_LONG);
    field[0] = field[CSV_FIELD_MAX + 2] = '"';
    assert_int_equal(first(field, CSV_FIELD_MAX + 3), CSV_TOO_LONG);
    free(field);
    for (int v = CSV_ROW; v <= CSV_TOO_LONG; v++)
        assert_true(csv_verdict_str((enum csv_verdict)v)[0] != '\0');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_rfc_4180),
        cmocka_unit_test(an_error_costs_its_row_only),
        cmocka_unit_test(limits_hold_at_their_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
