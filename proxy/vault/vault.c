#include "proxy/vault/vault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/replace_file.h"
#include "proxy/config/textfile.h"
#include "proxy/vault/vault_text.h"

struct vault {
    char *path;
    bool is_new; /* no file yet: the first commit makes it */
    struct vault_memory memory;
    struct vault_cipher *cipher; /* in memory */
    struct vault_text text;
};

static bool fail(char *error, size_t error_len, const char *path, const char *what) {
    snprintf(error, error_len, "%s: %s", path, what);
    return false;
}

/* The file's text; the header's line is cut off *lines. */
static bool read_file(const struct vault *v, struct textfile *file, struct str *header,
                      struct str *lines, char *error, size_t error_len) {
    char why[192];
    if (!textfile_read(v->path, TEXTFILE_SECRET, VAULT_FILE_MAX, file, why, sizeof(why)))
        return fail(error, error_len, v->path, why);
    *lines = (struct str){file->text, file->len};
    if (str_split(lines, '\n', header) && file->len > 0) return true;
    textfile_free(file);
    return fail(error, error_len, v->path, "it is empty: put a copy in its place");
}

static bool load(struct vault *v, const struct vault_secret *secret, char *error,
                 size_t error_len) {
    struct textfile file;
    struct str header, lines;
    if (!read_file(v, &file, &header, &lines, error, error_len)) return false;
    const char *problem = vault_cipher_open(header, secret, v->cipher);
    if (problem == NULL) problem = vault_text_read(lines, v->cipher, &v->memory, NULL, &v->text);
    textfile_free(&file);
    return problem == NULL || fail(error, error_len, v->path, problem);
}

static bool create_new(struct vault *v, const struct vault_secret *secret, char *error,
                       size_t error_len) {
    v->is_new = true;
    if (access(v->path, F_OK) == 0) return fail(error, error_len, v->path, "it exists already");
    const char *problem = vault_cipher_make(secret, v->cipher);
    return problem == NULL || fail(error, error_len, v->path, problem);
}

struct vault *vault_open(const char *path, const struct vault_key_source *key, bool create,
                         char *error, size_t error_len) {
    struct vault *v = calloc(1, sizeof(*v));
    ENSURE(v != NULL);
    v->path = strdup(path);
    ENSURE(v->path != NULL);
    vault_text_init(&v->text);
    v->cipher = vault_memory_take(&v->memory, sizeof(*v->cipher));
    struct vault_secret secret;
    bool good =
        vault_key_read(key, &v->memory, &secret, error, error_len) &&
        (create ? create_new(v, &secret, error, error_len) : load(v, &secret, error, error_len));
    if (good) return v;
    vault_close(v);
    return NULL;
}

void vault_close(struct vault *v) {
    if (v == NULL) return;
    vault_text_free(&v->text);
    vault_memory_release(&v->memory);
    free(v->path);
    free(v);
}

bool vault_get(const struct vault *v, struct str phone, struct str setting, enum vault_which which,
               struct str *value) {
    const struct vault_item *item = vault_text_find(&v->text, phone, setting, which);
    if (item == NULL || item->gone || item->problem != NULL) return false;
    *value = item->value;
    return true;
}

const char *vault_problem(const struct vault *v, struct str phone, struct str setting,
                          enum vault_which which) {
    const struct vault_item *item = vault_text_find(&v->text, phone, setting, which);
    return item == NULL || item->gone ? NULL : item->problem;
}

bool vault_names_all(const struct vault *v) {
    return v->text.index_problem == NULL;
}

bool vault_put(struct vault *v, struct str phone, struct str setting, enum vault_which which,
               struct str value) {
    if (value.len == 0 || value.len > VAULT_VALUE_MAX) return false;
    struct vault_item *item = vault_text_add(&v->text, phone, setting, which);
    if (item == NULL) return false;
    vault_item_set(item, vault_memory_copy(&v->memory, value));
    return true;
}

bool vault_promote(struct vault *v, struct str phone, struct str setting) {
    struct str value;
    if (!vault_get(v, phone, setting, VAULT_CANDIDATE, &value)) return false;
    /* The same octets: they stay where they are. */
    vault_item_set(vault_text_add(&v->text, phone, setting, VAULT_CURRENT), value);
    return vault_drop(v, phone, setting, VAULT_CANDIDATE);
}

bool vault_drop(struct vault *v, struct str phone, struct str setting, enum vault_which which) {
    struct vault_item *item = vault_text_find(&v->text, phone, setting, which);
    if (item == NULL || item->gone) return false;
    vault_item_set(item, STR_NONE);
    return true;
}

/* What stands in the file by now. */
static bool read_again(struct vault *v, struct vault_text *fresh, char *error, size_t error_len) {
    struct textfile file;
    struct str header, lines;
    if (v->is_new && access(v->path, F_OK) != 0) return true;
    if (!read_file(v, &file, &header, &lines, error, error_len)) return false;
    const struct str ours = {v->cipher->header, v->cipher->header_len};
    const char *problem = "another vault stands in its place now";
    if (str_equal(header, ours))
        problem = vault_text_read(lines, v->cipher, &v->memory, &v->text, fresh);
    textfile_free(&file);
    return problem == NULL || fail(error, error_len, v->path, problem);
}

static void apply_changes(const struct vault_text *ours, struct vault_text *fresh) {
    for (size_t i = 0; i < ours->count; i++) {
        const struct vault_item *item = ours->items[i];
        if (!item->changed) continue;
        struct vault_item *place = vault_text_add(fresh, item->phone, item->setting, item->which);
        vault_item_set(place, item->value);
    }
}

static bool write_fresh(struct vault_text *fresh, const struct vault *v,
                        const struct replace_file *file, char *error, size_t error_len) {
    size_t len, count = 0;
    for (size_t i = 0; i < fresh->count; i++) count += fresh->items[i]->gone ? 0 : 1;
    if (count > VAULT_RECORDS_MAX)
        return fail(error, error_len, v->path, "it would hold more records than the limit");
    fresh->generation++;
    char *text = vault_text_write(fresh, v->cipher, &len);
    if (text == NULL) return fail(error, error_len, v->path, "AES-256-GCM failed");
    bool good = len <= VAULT_FILE_MAX || fail(error, error_len, v->path, "it would be too large");
    good = good && replace_file_write(file, (struct str){text, len}, error, error_len);
    free(text);
    return good;
}

bool vault_commit(struct vault *v, char *error, size_t error_len) {
    struct replace_file file;
    struct vault_text fresh;
    if (!replace_file_lock(&file, v->path, error, error_len)) return false;
    vault_text_init(&fresh);
    bool good = read_again(v, &fresh, error, error_len);
    if (good) {
        apply_changes(&v->text, &fresh);
        good = write_fresh(&fresh, v, &file, error, error_len);
    }
    replace_file_unlock(&file);
    if (good) {
        for (size_t i = 0; i < fresh.count; i++) fresh.items[i]->changed = false;
        vault_text_free(&v->text);
        v->text = fresh;
        v->is_new = false;
    } else {
        vault_text_free(&fresh);
    }
    return good;
}

uint64_t vault_generation(const struct vault *v) {
    return v->text.generation;
}

bool vault_next(const struct vault *v, size_t *at, struct vault_entry *entry) {
    while (*at < v->text.count) {
        const struct vault_item *item = v->text.items[(*at)++];
        if (item->gone) continue;
        *entry = (struct vault_entry){item->phone, item->setting, item->which, item->problem};
        return true;
    }
    return false;
}

/* The index, then items, then scraps. */
bool vault_damage(const struct vault *v, size_t *at, char *text, size_t len) {
    const struct vault_text *all = &v->text;
    if (*at == 0) {
        ++*at;
        if (all->index_problem != NULL) {
            snprintf(text, len, "%s", all->index_problem);
            return true;
        }
    }
    while (*at <= all->count) {
        const struct vault_item *item = all->items[(*at)++ - 1];
        if (item->gone || item->problem == NULL) continue;
        snprintf(text, len, STR_FMT ": %s", STR_ARG(item->name), item->problem);
        return true;
    }
    while (*at <= all->count + all->scrap_count) {
        const struct vault_scrap *scrap = &all->scraps[(*at)++ - all->count - 1];
        if (scrap->why == NULL) continue;
        snprintf(text, len, "line %u: %s", scrap->line, scrap->why);
        return true;
    }
    return false;
}
