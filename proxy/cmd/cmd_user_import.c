/* phonegate user import: users files of Apache (htdigest) and lighttpd. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/auth/users.h"
#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/cmd_user_parts.h"
#include "proxy/cmd/precis.h"

#define LINE_MAX_LEN (USERS_NAME_MAX + 255 + sizeof("::SHA-512-256:") + HASH_MAX_HEX)

struct import {
    struct users *there; /* who has an account already */
    struct users *fresh; /* who gets one now */
    struct hasher *hasher;
    struct outbuf out; /* the new text of the users file */
    size_t lines, refused;
};

/* Is lighttpd's fourth field H(name ":" realm)? It also tells which of the two algorithms with 64
 * digits the line is of. */
static bool userhash_fits(struct import *in, struct users_fields *f) {
    const struct str parts[] = {f->name, STR(":"), f->realm};
    uint8_t given[HASH_MAX_LEN], value[HASH_MAX_LEN];
    if (f->userhash.len == 0) return true;
    for (int i = 0; i < HASH_ALGS; i++) {
        enum hash_alg alg = (enum hash_alg)i;
        if (!bytes_from_hex(f->userhash, given, hash_len(alg)) ||
            !hash_parts(in->hasher, alg, parts, ARRAY_LEN(parts), value) ||
            memcmp(given, value, hash_len(alg)) != 0)
            continue;
        if (alg == HASH_SHA512_256) f->algorithm = hash_name(alg);
        return true;
    }
    return false;
}

static void write_line(const struct users_fields *f, struct outbuf *out) {
    outbuf_put(out, f->name);
    outbuf_char(out, ':');
    outbuf_put(out, f->realm);
    outbuf_char(out, ':');
    outbuf_put(out, f->algorithm);
    if (f->algorithm.len > 0) outbuf_char(out, ':');
    outbuf_put(out, f->hex);
}

/* NULL where the line is taken or empty, else why not. */
static const char *take_line(struct import *in, struct str line) {
    struct users_fields f;
    if (str_trim(line).len == 0 || line.ptr[0] == '#') return NULL;
    if (!users_split_line(line, &f)) return users_line_str(USERS_LINE_MALFORMED);
    if (users_find(in->there, f.name) != NULL) return "this person has an account already";
    if (!precis_is_spelled_right(f.name))
        return "the name holds characters, or a form of them, that names may not have (RFC 8265)";
    if (!userhash_fits(in, &f)) return "the fourth field is not the hash of name and realm";
    char memory[LINE_MAX_LEN];
    struct outbuf plain;
    outbuf_init(&plain, memory, sizeof(memory));
    write_line(&f, &plain);
    if (plain.full) return users_line_str(USERS_LINE_BAD_NAME);
    enum users_line verdict = users_add_line(in->fresh, outbuf_str(&plain));
    if (verdict == USERS_LINE_OK) {
        outbuf_put(&in->out, outbuf_str(&plain));
        outbuf_char(&in->out, '\n');
        in->lines++;
    }
    bytes_wipe(memory, sizeof(memory));
    return verdict == USERS_LINE_OK ? NULL : users_line_str(verdict);
}

static void take_lines(struct import *in, const char *path, struct str text) {
    struct str line;
    for (unsigned number = 1; str_split(&text, '\n', &line); number++) {
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
        const char *problem = take_line(in, line);
        if (problem == NULL) continue;
        fprintf(stderr, "%s:%u: refused: %s\n", path, number, problem);
        in->refused++;
    }
}

/* With the users file locked and read, and the other one read. */
static int merge(struct import *in, const struct replace_file *file, struct str old,
                 const char *path, struct str text) {
    /* The longest spelling of a line adds the name of its algorithm; two LF may be missing. */
    size_t lines = 2;
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    size_t cap = old.len + text.len + lines * sizeof("SHA-512-256:");
    char *memory = malloc(cap);
    ENSURE(memory != NULL);
    outbuf_init(&in->out, memory, cap);
    outbuf_put(&in->out, old);
    if (old.len > 0 && old.ptr[old.len - 1] != '\n') outbuf_char(&in->out, '\n');
    take_lines(in, path, text);
    ENSURE(!in->out.full);
    int status = CMD_FINE;
    if (in->lines > 0) status = cmd_user_write(file, outbuf_str(&in->out));
    bytes_wipe(memory, cap);
    free(memory);
    if (status == CMD_FINE)
        printf("imported %zu person(s), refused %zu line(s)\n", users_count(in->fresh),
               in->refused);
    return in->refused > 0 ? CMD_NO : status;
}

static int import_locked(const struct config_users *settings, const struct replace_file *file,
                         const char *path, struct str text) {
    static const uint64_t key[2];
    char error[CMD_USER_ERROR];
    struct textfile old;
    if (!cmd_user_read(settings->users_file.ptr, &old, error))
        return cmd_user_refuse("%s: %s", settings->users_file.ptr, error);
    struct import in = {.hasher = hasher_new(), .fresh = users_new(settings->digest.realm, key)};
    int status = cmd_user_load(settings, &in.there);
    if (status == CMD_FINE)
        status = merge(&in, file, (struct str){old.text, old.len}, path, text);
    else
        status = cmd_user_refuse("these lines must be right first");
    users_free(in.there);
    users_free(in.fresh);
    hasher_free(in.hasher);
    textfile_free(&old);
    return status;
}

int cmd_user_import(const struct config_users *settings, const char *path) {
    char error[CMD_USER_ERROR];
    struct textfile text;
    struct replace_file file = {.lock = -1};
    if (!textfile_read(path, TEXTFILE_PUBLIC, CMD_USER_FILE_MAX, &text, error, sizeof(error)))
        return cmd_user_refuse("%s: %s", path, error);
    int status;
    if (replace_file_lock(&file, settings->users_file.ptr, error, sizeof(error)))
        status = import_locked(settings, &file, path, (struct str){text.text, text.len});
    else
        status = cmd_user_refuse("%s", error);
    replace_file_unlock(&file);
    textfile_free(&text);
    return status;
}
