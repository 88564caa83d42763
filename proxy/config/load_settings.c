#include <fcntl.h>
#include <openssl/prov_ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config/loader.h"
#include "proxy/config/nonce_key.h"

#define AT(member)    offsetof(struct snapshot, member)
#define CONFIG(field) AT(config.field)
#define DRAFT(field)  AT(draft.field)

/* Rows of the tables below: range and default of a number, all in the unit of its name. */
#define NUMBER(key, kind, field, low, high, value)                                                 \
    {                                                                                              \
        .name = (key), .type = (kind), .offset = CONFIG(field), .min = (low), .max = (high),       \
        .absent = (value)                                                                          \
    }
#define STRING(key, must, field)                                                                   \
    { .name = (key), .type = READER_STR, .required = (must), .offset = DRAFT(field) }
#define STRINGS(key, must, field, count)                                                           \
    {                                                                                              \
        .name = (key), .type = READER_STRS, .required = (must), .min = 1, .offset = DRAFT(field),  \
        .count_offset = DRAFT(count)                                                               \
    }
#define LIST(key, must, field)                                                                     \
    { .name = (key), .type = READER_LIST, .required = (must), .offset = DRAFT(field) }
#define GROUP(key, must, table)                                                                    \
    { .name = (key), .type = READER_GROUP, .required = (must), .members = (table) }
#define END                                                                                        \
    { .name = NULL }

/* lockout: how many times `failures` a whole user or a whole address may fail. */
#define LOCKOUT_WIDER  20
#define SESSION_MIN_MS UINT64_C(60000)
#define SESSION_MAX_S  31536000 /* a year */

static const struct reader_word versions[] = {
    {"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION}, {NULL, 0}};
static const struct reader_word answers[] = {
    {"refuse", HTTP_ANSWER_REFUSE}, {"redirect", HTTP_ANSWER_REDIRECT}, {NULL, 0}};
static const struct reader_word formats[] = {{"json", 0}, {NULL, 0}};

static const struct reader_key https_keys[] = {
    STRINGS("listen", true, https_listen, https_listen_count),
    STRING("certificate", true, certificate),
    STRING("key", true, key),
    {.name = "min_version",
     .type = READER_WORD,
     .offset = CONFIG(https.min_version),
     .absent = TLS1_2_VERSION,
     .words = versions},
    {.name = "proxy_protocol_from",
     .type = READER_STRS,
     .offset = DRAFT(proxy_protocol),
     .count_offset = DRAFT(proxy_protocol_count)},
    END,
};

static const struct reader_key http_keys[] = {
    STRINGS("listen", true, http_listen, http_listen_count),
    {.name = "answer",
     .type = READER_WORD,
     .offset = CONFIG(http.answer),
     .absent = HTTP_ANSWER_REFUSE,
     .words = answers},
    END,
};

static const struct reader_key status_keys[] = {STRING("listen", true, status_listen), END};

static const struct reader_key digest_keys[] = {
    STRINGS("algorithms", false, algorithms, algorithm_count),
    NUMBER("nonce_lifetime_s", READER_SECONDS, policy.digest.nonce_lifetime_ms, 5, 86400, 300),
    END,
};

static const struct reader_key lockout_keys[] = {
    NUMBER("failures", READER_U32, policy.signing_in.lockout.failures, 0, 1000000, 5),
    NUMBER("failures_per_user", READER_U32, policy.signing_in.lockout.failures_per_user, 0, 1000000,
           NOT_SAID),
    NUMBER("failures_per_address", READER_U32, policy.signing_in.lockout.failures_per_address, 0,
           1000000, NOT_SAID),
    NUMBER("window_s", READER_SECONDS, policy.signing_in.lockout.window_ms, 1, 86400, 60),
    NUMBER("block_s", READER_SECONDS, policy.signing_in.lockout.block_ms, 1, 86400, 300),
    END,
};

static const struct reader_key access_log_keys[] = {
    {.name = "file", .type = READER_STR, .offset = DRAFT(access_log_file), .absent_text = "-"},
    {.name = "format", .type = READER_WORD, .offset = DRAFT(access_log_format), .words = formats},
    {.name = "required",
     .type = READER_BOOL,
     .offset = CONFIG(access_log.required),
     .absent = true},
    END,
};

static const struct reader_key limits_keys[] = {
    NUMBER("header_bytes", READER_SIZE, limits.header_bytes, 1024, 1048576, 16384),
    NUMBER("headers", READER_SIZE, limits.headers, 8, 1000, 100),
    NUMBER("target_bytes", READER_SIZE, limits.target_bytes, 64, 65536, 8192),
    NUMBER("body_bytes", READER_U64, limits.body_bytes, 0, INT64_C(1) << 40, 16777216),
    NUMBER("judged_body_bytes", READER_SIZE, limits.judged_body_bytes, 1024, 16777216, 65536),
    NUMBER("handshake_s", READER_SECONDS, limits.handshake_ms, 1, 3600, 0),
    NUMBER("header_s", READER_SECONDS, limits.header_ms, 1, 3600, 20),
    NUMBER("body_stall_s", READER_SECONDS, limits.body_stall_ms, 1, 3600, 30),
    NUMBER("body_min_bytes_s", READER_U64, limits.body_min_bytes_s, 0, 1048576, 256),
    NUMBER("answer_stall_s", READER_SECONDS, limits.answer_stall_ms, 1, 3600, 0),
    NUMBER("answer_min_bytes_s", READER_U64, limits.answer_min_bytes_s, 0, 1048576, NOT_SAID),
    NUMBER("idle_s", READER_SECONDS, limits.idle_ms, 1, 86400, 75),
    NUMBER("phone_connect_s", READER_SECONDS, limits.phone_connect_ms, 1, 300, 5),
    NUMBER("phone_first_byte_s", READER_SECONDS, limits.phone_first_byte_ms, 1, 3600, 60),
    NUMBER("phone_stall_s", READER_SECONDS, limits.phone_stall_ms, 1, 3600, 60),
    NUMBER("queue_s", READER_SECONDS, limits.queue_ms, 1, 3600, 30),
    NUMBER("queue_length", READER_SIZE, limits.queue_length, 0, 10000, 64),
    NUMBER("connections", READER_SIZE, limits.connections, 1, 1000000, 20000),
    NUMBER("connections_per_address", READER_SIZE, limits.connections_per_address, 1, 1000000, 256),
    NUMBER("connections_reserve", READER_SIZE, limits.connections_reserve, 0, 1000000, NOT_SAID),
    NUMBER("known_s", READER_SECONDS, limits.known_ms, 1, 2592000, 43200),
    NUMBER("handshakes", READER_SIZE, limits.handshakes, 1, 1000000, 256),
    NUMBER("handshakes_per_address", READER_SIZE, limits.handshakes_per_address, 1, 1000000,
           NOT_SAID),
    NUMBER("handshake_rate_per_address", READER_U64, limits.handshake_rate, 0, 1000000, 200),
    NUMBER("handshake_burst_per_address", READER_U64, limits.handshake_burst, 1, 1000000, 10000),
    END,
};

static const struct reader_key root_keys[] = {
    STRING("realm", true, realm),
    NUMBER("workers", READER_U32, workers, 0, 256, 0),
    GROUP("https", true, https_keys),
    GROUP("http", false, http_keys),
    GROUP("status", false, status_keys),
    {.name = "host",
     .type = READER_STR_S,
     .offset = DRAFT(hosts),
     .count_offset = DRAFT(host_count)},
    STRING("users_file", false, users_file),
    STRING("users_dir", false, users_dir),
    GROUP("digest", false, digest_keys),
    GROUP("lockout", false, lockout_keys),
    LIST("users", false, users),
    LIST("roles", false, roles),
    LIST("groups", false, groups),
    LIST("grants", true, grants),
    LIST("rules", false, rules),
    LIST("phones", true, phones),
    STRING("profiles_dir", true, profiles_dir),
    STRING("state_dir", false, state_dir),
    STRING("nonce_key_file", false, nonce_key_file),
    STRING("pins_file", false, pins_file),
    NUMBER("pin_window_s", READER_SECONDS, pin_window_ms, 0, SESSION_MAX_S, 7 * 86400),
    NUMBER("session_max_s", READER_SECONDS, policy.signing_in.session.max_ms, 0, SESSION_MAX_S, 0),
    NUMBER("session_idle_s", READER_SECONDS, policy.signing_in.session.idle_ms, 0, SESSION_MAX_S,
           0),
    GROUP("access_log", false, access_log_keys),
    GROUP("limits", false, limits_keys),
    GROUP("asset_cache", false, load_asset_cache_keys),
    GROUP("hardening", false, load_hardening_keys),
    GROUP("vault", false, load_vault_keys),
    GROUP("provisioning", false, load_provisioning_keys),
    END,
};

static const config_setting_t *member(struct loader *l, const char *key) {
    return reader_at(l->root, key);
}

static void widen(uint32_t *limit, uint32_t failures) {
    if (*limit != NOT_SAID) return;
    *limit = failures < 1000000 / LOCKOUT_WIDER ? failures * LOCKOUT_WIDER : 1000000;
}

static void check_session(struct loader *l, const char *key, uint64_t ms) {
    if (ms > 0 && ms < SESSION_MIN_MS)
        reader_error(&l->reader, member(l, key), "\"%s\" is %u, but must be 0 (off) or 60 to %d",
                     key, (unsigned)(ms / 1000), SESSION_MAX_S);
}

static void check_signing_in(struct loader *l) {
    struct authn_settings *settings = &l->snapshot->config.policy.signing_in;
    widen(&settings->lockout.failures_per_user, settings->lockout.failures);
    widen(&settings->lockout.failures_per_address, settings->lockout.failures);
    check_session(l, "session_max_s", settings->session.max_ms);
    check_session(l, "session_idle_s", settings->session.idle_ms);
}

/* The same for every start and replica of this realm: 16 hex digits. */
static void make_opaque(struct loader *l) {
    struct digest_settings *digest = &l->snapshot->config.policy.digest;
    const struct str parts[] = {STR("phonegate opaque:"), digest->realm};
    uint8_t sum[HASH_MAX_LEN];
    struct outbuf out;
    outbuf_init(&out, reader_alloc(&l->reader, 16, 1), 16);
    if (!hash_parts(l->hasher, HASH_SHA256, parts, ARRAY_LEN(parts), sum)) return;
    outbuf_hex(&out, sum, 8);
    digest->opaque = outbuf_str(&out);
}

/* Where a wrong character would be taken for the end of the realm: in the challenge, or in a line
 * of the users file, which is split at its last two colons. */
static void check_realm(struct loader *l) {
    struct str *realm = &l->snapshot->draft.realm;
    bool good = realm->len <= 255;
    for (size_t i = 0; i < realm->len; i++) {
        char c = realm->ptr[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\' || c == ':') good = false;
    }
    if (!good) {
        reader_error(&l->reader, member(l, "realm"),
                     "\"realm\" must be printable ASCII without \" \\ and :, at most 255");
        *realm = STR_NONE;
    }
    l->snapshot->config.policy.digest.realm = *realm;
    make_opaque(l);
}

static bool algorithm_from(struct str name, enum hash_alg *alg) {
    for (int i = 0; i < HASH_ALGS; i++) {
        *alg = (enum hash_alg)i;
        if (str_equal(name, hash_name(*alg))) return true;
    }
    return false;
}

/* NULL where `alg` may stand at place `index`. */
static const char *algorithm_problem(struct loader *l, const struct digest_settings *digest,
                                     size_t index, enum hash_alg alg) {
    if (index == 0 && alg != HASH_SHA256) return "cannot stand first: SHA-256 does";
    for (size_t i = 0; i < digest->algorithm_count; i++)
        if (digest->algorithms[i] == alg) return "stands there twice";
    if (!hasher_has(l->hasher, alg)) return "is missing in this machine's OpenSSL (FIPS mode?)";
    return NULL;
}

static void check_algorithms(struct loader *l) {
    static const struct str standard[] = {{"SHA-256", 7}};
    struct draft *draft = &l->snapshot->draft;
    struct digest_settings *digest = &l->snapshot->config.policy.digest;
    if (draft->algorithm_count == 0) {
        draft->algorithms = standard;
        draft->algorithm_count = 1;
    }
    const config_setting_t *group = member(l, "digest");
    for (size_t i = 0; i < draft->algorithm_count; i++) {
        enum hash_alg alg;
        const char *problem = "is not known: \"SHA-256\", \"MD5\", \"SHA-512-256\"";
        if (algorithm_from(draft->algorithms[i], &alg))
            problem = algorithm_problem(l, digest, i, alg);
        if (problem != NULL)
            reader_error(&l->reader, reader_at_element(group, "algorithms", i),
                         "digest algorithm \"%.40s\" %s", draft->algorithms[i].ptr, problem);
        else
            digest->algorithms[digest->algorithm_count++] = alg;
    }
}

struct str load_host(struct loader *l, const config_setting_t *at, struct str text) {
    char name[HOSTPORT_NAME_MAX + 1];
    if (!hostport_name(text, name)) {
        reader_error(&l->reader, at, "\"%.80s\" is no host name", text.ptr);
        return STR_NONE;
    }
    struct str copy = arena_copy(l->reader.arena, str_of(name));
    ENSURE(copy.ptr != NULL);
    size_t line;
    if (strmap_add(&l->hosts, copy, at->line, &line)) return copy;
    struct problem_place first = source_place(&l->source, (unsigned)line);
    reader_error(&l->reader, at, "host \"%s\" stands already at %s:%u", name, first.file,
                 first.line);
    return STR_NONE;
}

static void check_hosts(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    struct policy *policy = &l->snapshot->config.policy;
    struct str *hosts = reader_alloc(&l->reader, draft->host_count, sizeof(*hosts));
    for (size_t i = 0; i < draft->host_count; i++) {
        const config_setting_t *at = reader_at_element(l->root, "host", i);
        struct str host = load_host(l, at, draft->hosts[i]);
        if (host.len > 0) hosts[policy->portal_host_count++] = host;
    }
    policy->portal_hosts = hosts;
}

/* The path of key `key`, relative to the file it stands in; empty where it is absent. */
static struct str path_of(struct loader *l, const config_setting_t *group, const char *key,
                          struct str value) {
    return value.len == 0 ? value : reader_path(&l->reader, reader_at(group, key), value);
}

/* False, after a message, where `path` is no directory. */
static bool check_directory(struct loader *l, const char *key, struct str path, bool must_exist) {
    struct stat st;
    bool exists = path.len > 0 && stat(path.ptr, &st) == 0;
    if (exists && !S_ISDIR(st.st_mode))
        reader_error(&l->reader, member(l, key), "\"%s\": %s is not a directory", key, path.ptr);
    if (path.len > 0 && !exists && must_exist)
        reader_error(&l->reader, member(l, key), "\"%s\": cannot find %s", key, path.ptr);
    return exists ? S_ISDIR(st.st_mode) : !must_exist;
}

/* systemd gives a list with colons when a unit has several; the first is ours. */
static struct str state_from_environment(struct loader *l) {
    struct str list = str_of(getenv("STATE_DIRECTORY"));
    struct str copy = arena_copy(l->reader.arena, str_part(list, 0, str_find(list, ':', 0)));
    ENSURE(copy.ptr != NULL);
    return copy;
}

static void resolve_paths(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    struct config *config = &l->snapshot->config;
    const config_setting_t *https = member(l, "https");
    config->https.certificate = path_of(l, https, "certificate", draft->certificate);
    config->https.key = path_of(l, https, "key", draft->key);
    draft->users_file = path_of(l, l->root, "users_file", draft->users_file);
    draft->users_dir = path_of(l, l->root, "users_dir", draft->users_dir);
    draft->profiles_dir = path_of(l, l->root, "profiles_dir", draft->profiles_dir);
    config->state_dir = path_of(l, l->root, "state_dir", draft->state_dir);
    if (config->state_dir.len == 0) config->state_dir = state_from_environment(l);
    config->pins_file = path_of(l, l->root, "pins_file", draft->pins_file);
    config->nonce_key_file = path_of(l, l->root, "nonce_key_file", draft->nonce_key_file);
    config->access_log.file = draft->access_log_file;
    if (!str_equal(draft->access_log_file, STR("-")))
        config->access_log.file =
            path_of(l, member(l, "access_log"), "file", draft->access_log_file);
    load_vault_paths(l);
    load_provisioning_paths(l);
}

/* The state directory holds keys: nobody else may look into it, or put something there. */
static void check_state_directory(struct loader *l) {
    struct str path = l->snapshot->config.state_dir;
    struct stat st;
    if (!check_directory(l, "state_dir", path, false) || path.len == 0) return;
    if (stat(path.ptr, &st) == 0 && (st.st_mode & 077) != 0)
        reader_error(&l->reader, member(l, "state_dir"),
                     "\"state_dir\": others can enter %s (mode %04o): chmod 700", path.ptr,
                     (unsigned)st.st_mode & 07777U);
}

/* Where serve could not open it, it would not start. Who else may write it is no matter of the
 * configuration: other commands read it, too. */
static void check_access_log(struct loader *l) {
    struct str path = l->snapshot->config.access_log.file, directory = path;
    const config_setting_t *at = reader_at(member(l, "access_log"), "file");
    struct stat st;
    if (str_equal(path, STR("-")) || path.len == 0) return;
    while (directory.len > 1 && directory.ptr[directory.len - 1] != '/') directory.len--;
    bool exists = stat(path.ptr, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        reader_error(&l->reader, at, "\"file\" in access_log: %s is a directory", path.ptr);
    } else if (!exists) {
        char *parent = strndup(directory.ptr, directory.len);
        ENSURE(parent != NULL);
        if (directory.ptr[directory.len - 1] == '/' &&
            (stat(parent, &st) != 0 || !S_ISDIR(st.st_mode)))
            reader_error(&l->reader, at, "\"file\" in access_log: there is no directory %s",
                         parent);
        free(parent);
    } else if (faccessat(AT_FDCWD, path.ptr, W_OK, AT_EACCESS) != 0) {
        reader_warning(&l->reader, at, "\"file\" in access_log: who runs this may not write to %s",
                       path.ptr);
    }
}

/* The shared one, or the gate's own, once there is one: it starts with neither if it is damaged. */
static void check_nonce_key(struct loader *l) {
    const struct config *config = &l->snapshot->config;
    const char *key = config->nonce_key_file.len > 0 ? "nonce_key_file" : "state_dir";
    struct nonce_keys keys;
    char error[160], *path = NULL;
    if (config->nonce_key_file.len > 0)
        path = strdup(config->nonce_key_file.ptr);
    else if (config->state_dir.len > 0)
        ENSURE(asprintf(&path, STR_FMT "/" NONCE_KEY_NAME, STR_ARG(config->state_dir)) > 0);
    bool wanted = config->nonce_key_file.len > 0 || (path != NULL && access(path, F_OK) == 0);
    if (wanted && !nonce_key_read(path, &keys, error, sizeof(error)))
        reader_error(&l->reader, member(l, key), "\"%s\": %s: %s", key, path, error);
    bytes_wipe(&keys, sizeof(keys));
    free(path);
}

static void check_paths(struct loader *l) {
    struct draft *draft = &l->snapshot->draft;
    if (!check_directory(l, "profiles_dir", draft->profiles_dir, true))
        draft->profiles_dir = STR_NONE;
    check_state_directory(l);
    check_access_log(l);
    check_nonce_key(l);
    if (l->snapshot->config.state_dir.len == 0)
        reader_warning(&l->reader, l->root,
                       "no \"state_dir\" and no $STATE_DIRECTORY: state is kept in memory and "
                       "lost at a restart");
}

static bool is_wanted(const char *name, const char *const *only) {
    if (only == NULL) return true;
    for (; *only != NULL; only++)
        if (strcmp(*only, name) == 0) return true;
    return false;
}

/* Only some rows of the table, for a command that needs no more than them. */
static void read_rows(struct loader *l, const char *const *only) {
    struct reader_key rows[ARRAY_LEN(root_keys)];
    size_t count = 0;
    for (const struct reader_key *key = root_keys; key->name != NULL; key++)
        if (is_wanted(key->name, only)) rows[count++] = *key;
    rows[count] = (struct reader_key){.name = NULL};
    struct reader reader = l->reader;
    reader.ignore_unknown = only != NULL;
    (void)reader_group(&reader, l->root, "", rows, l->snapshot);
}

void load_settings(struct loader *l, const char *const *only) {
    read_rows(l, only);
    check_realm(l);
    check_algorithms(l);
    resolve_paths(l);
    struct draft *draft = &l->snapshot->draft;
    bool wrong = config_setting_get_member(l->root, "users_file") != NULL ||
                 config_setting_get_member(l->root, "users_dir") != NULL; /* reported already */
    if (draft->users_file.len == 0 && draft->users_dir.len == 0 && !wrong)
        reader_error(&l->reader, l->root, "\"users_file\" is missing");
    if (only != NULL) return;
    check_signing_in(l);
    load_connection_limits(l);
    load_listeners(l);
    check_hosts(l);
    check_paths(l);
    load_hardening_check(l);
    l->snapshot->config.policy.judged_body_bytes = l->snapshot->config.limits.judged_body_bytes;
}
