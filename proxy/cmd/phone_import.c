#include "proxy/cmd/phone_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "proxy/cmd/phone_import_parts.h"

/* Rows are bounded, and so is what one of them needs. */
#define ARENA_MAX ((size_t)1 << 30)

static const char *const column_names[COLUMNS] = {
    [COLUMN_MAC] = "mac",         [COLUMN_ADDRESS] = "address",
    [COLUMN_NAME] = "name",       [COLUMN_PROFILE] = "profile",
    [COLUMN_ID] = "id",           [COLUMN_HOST] = "host",
    [COLUMN_USER] = "user",       [COLUMN_PASSWORD_FILE] = "password_file",
    [COLUMN_SERVICE] = "service", [COLUMN_PIN] = "pin",
    [COLUMN_CA] = "ca",           [COLUMN_WUI] = "wui",
};

void import_problem(struct importing *im, const char *format, ...) {
    char text[512];
    va_list args;
    if (++im->in->problems > PHONE_IMPORT_PROBLEMS_MAX) return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    im->in->report(im->in->report_user, im->line, text);
}

/* ---- the first line ---- */

static size_t column_of(struct str name) {
    for (size_t i = 0; i < COLUMNS; i++)
        if (str_equal_icase(name, str_of(column_names[i]))) return i;
    return COLUMNS;
}

static void take_header(struct importing *im, const struct csv_row *row) {
    for (size_t i = 0; i < COLUMNS; i++) im->columns[i] = CSV_FIELDS_MAX;
    im->width = row->count;
    for (size_t i = 0; i < row->count; i++) {
        struct str name = str_trim(row->fields[i]);
        size_t column = column_of(name);
        if (column == COLUMNS)
            import_problem(im, "unknown column \"%.*s\"", (int)(name.len < 64 ? name.len : 64),
                           name.ptr);
        else if (im->columns[column] != CSV_FIELDS_MAX)
            import_problem(im, "column \"%s\" stands there twice", column_names[column]);
        else
            im->columns[column] = i;
    }
    for (size_t i = COLUMN_MAC; i <= COLUMN_PROFILE; i++)
        if (im->columns[i] == CSV_FIELDS_MAX)
            import_problem(im, "column \"%s\" is missing in the first line", column_names[i]);
}

/* ---- the text ---- */

static void put(struct importing *im, struct str text) {
    if (text.len > im->out_cap - im->out_len) {
        im->out_cap = 2 * im->out_cap + text.len + 4096;
        im->out = realloc(im->out, im->out_cap);
        ENSURE(im->out != NULL);
    }
    if (text.len > 0) memcpy(im->out + im->out_len, text.ptr, text.len);
    im->out_len += text.len;
}

/* A string of libconfig: only these two characters mean something in it. */
static void put_string(struct importing *im, struct str text) {
    put(im, STR("\""));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') put(im, STR("\\"));
        put(im, str_part(text, i, 1));
    }
    put(im, STR("\""));
}

static void put_key(struct importing *im, const char *key, struct str value) {
    if (value.len == 0) return;
    put(im, STR(" "));
    put(im, str_of(key));
    put(im, STR(" = "));
    put_string(im, value);
    put(im, STR(";"));
}

static void put_phone(struct importing *im, const struct import_phone *phone, bool first) {
    put(im, first ? STR("{") : STR(",\n{"));
    put_key(im, "id", phone->id);
    put_key(im, "name", phone->name);
    put_key(im, "mac", phone->mac);
    put(im, STR("\n "));
    put_key(im, "url", phone->url);
    put_key(im, "profile", phone->profile);
    put_key(im, "host", phone->host);
    put(im, STR("\n  login: {"));
    put_key(im, "user", phone->user);
    put_key(im, "password_file", phone->password_file);
    if (phone->password_file.len == 0) put(im, STR(" from_vault = true;"));
    put(im, STR(" };\n"));
    if (phone->service.len > 0) {
        put(im, STR("  admin_login: {"));
        put_key(im, "user", phone->service);
        put(im, STR(" from_vault = true; };\n"));
    }
    put(im, STR("  tls: {"));
    put_key(im, "pin_sha256", phone->pin);
    put_key(im, "ca", phone->ca);
    if (phone->pin.len == 0 && phone->ca.len == 0) put(im, STR(" from_pins_file = true;"));
    put(im, STR(" };\n"));
    put(im, phone->wui ? STR("}") : STR("  wui = false;\n}"));
}

/* ---- all of it ---- */

static bool next_row(struct importing *im, struct csv *csv, struct csv_row *row) {
    for (;;) {
        enum csv_verdict verdict = csv_next(csv, row);
        im->line = row->line;
        if (verdict == CSV_ROW) return true;
        if (verdict == CSV_END) return false;
        import_problem(im, "%s", csv_verdict_str(verdict));
    }
}

static void take_rows(struct importing *im, struct csv *csv) {
    struct csv_row row;
    struct import_phone phone;
    while (next_row(im, csv, &row)) {
        if (im->in->phones == PHONE_IMPORT_ROWS_MAX) {
            import_problem(im, "more than %d phones", PHONE_IMPORT_ROWS_MAX);
            return;
        }
        import_row(im, &row, &phone);
        import_know(im, &phone);
        im->in->without_service += phone.password_file.len == 0 && phone.service.len == 0;
        put_phone(im, &phone, im->in->phones++ == 0);
    }
    if (im->in->phones == 0) import_problem(im, "there is no phone in the table");
}

bool phone_import(struct phone_import *in, char *table, size_t len, char **text, size_t *text_len) {
    struct importing im = {.in = in, .line = 1};
    struct csv csv;
    struct csv_row row;
    uint64_t key[2];
    in->phones = in->problems = in->without_service = 0;
    ENSURE(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
    arena_init(&im.arena, ARENA_MAX);
    hostport_local_load(&im.local);
    for (size_t i = 0; i < SEEN_KINDS; i++) strmap_init(&im.seen[i], key);
    csv_init(&csv, table, len);
    import_know_config(&im);
    if (next_row(&im, &csv, &row)) {
        take_header(&im, &row);
        if (in->problems == 0) take_rows(&im, &csv); /* else every row would be wrong */
    } else {
        import_problem(&im, "the table is empty");
    }
    put(&im, STR("\n"));
    for (size_t i = 0; i < SEEN_KINDS; i++) strmap_free(&im.seen[i]);
    hostport_local_free(&im.local);
    arena_release(&im.arena);
    if (in->problems == 0) {
        *text = im.out;
        *text_len = im.out_len;
        return true;
    }
    free(im.out);
    return false;
}
