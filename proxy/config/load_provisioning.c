/* The group "provisioning": phones fetch their settings from the gate, each its own. */
#include <openssl/prov_ssl.h>
#include <stdio.h>
#include <unistd.h>

#include "certs/phone_client.h"
#include "policy/base/bytes.h"
#include "proxy/config/loader.h"
#include "proxy/config/textfile.h"
#include "proxy/config/weak.h"

#define CONFIG(field)     offsetof(struct snapshot, config.provisioning.field)
#define DRAFT(field)      offsetof(struct snapshot, draft.provisioning.field)
#define PASSWORD_FILE_MAX 65536
#define NONCE_LIFETIME_MS 300000 /* a phone answers at once */

static const struct reader_word versions[] = {
    {"1.2", TLS1_2_VERSION}, {"1.3", TLS1_3_VERSION}, {NULL, 0}};

const struct reader_key load_provisioning_keys[] = {
    {.name = "listen",
     .type = READER_STRS,
     .required = true,
     .min = 1,
     .offset = DRAFT(listen),
     .count_offset = DRAFT(listen_count)},
    {.name = "directory", .type = READER_STR, .required = true, .offset = DRAFT(directory)},
    {.name = "certificate", .type = READER_STR, .offset = DRAFT(certificate)},
    {.name = "key", .type = READER_STR, .offset = DRAFT(key)},
    {.name = "client_ca", .type = READER_STR, .offset = DRAFT(client_ca)},
    {.name = "min_version",
     .type = READER_WORD,
     .offset = CONFIG(min_version),
     .absent = TLS1_2_VERSION,
     .words = versions},
    {.name = NULL},
};

static struct str path_of(struct loader *l, const char *key, struct str value) {
    const config_setting_t *group = reader_at(l->root, "provisioning");
    return value.len == 0 ? value : reader_path(&l->reader, reader_at(group, key), value);
}

void load_provisioning_paths(struct loader *l) {
    const struct provisioning_draft *draft = &l->snapshot->draft.provisioning;
    struct config_provisioning *p = &l->snapshot->config.provisioning;
    p->directory = path_of(l, "directory", draft->directory);
    p->certificate = path_of(l, "certificate", draft->certificate);
    p->key = path_of(l, "key", draft->key);
    p->client_ca = path_of(l, "client_ca", draft->client_ca);
}

/* ---- a phone's password ---- */

struct pull_draft {
    struct str password_file;
    bool from_vault;
};

static const struct reader_key pull_keys[] = {
    {.name = "password_file",
     .type = READER_STR,
     .offset = offsetof(struct pull_draft, password_file)},
    {.name = "from_vault", .type = READER_BOOL, .offset = offsetof(struct pull_draft, from_vault)},
    {.name = NULL},
};

static struct str read_password(struct loader *l, const config_setting_t *at, struct str name) {
    const struct reader *r = &l->reader;
    struct str path = reader_path(r, at, name), password, kept = STR_NONE;
    struct textfile file;
    char error[160];
    if (!textfile_read(path.ptr, TEXTFILE_SECRET, PASSWORD_FILE_MAX, &file, error, sizeof(error))) {
        reader_error(r, at, "password file %s: %s", path.ptr, error);
        return STR_NONE;
    }
    if (textfile_password(&file, &password, error, sizeof(error))) {
        const char *weak = weak_password(STR(""), password);
        kept = loader_keep_secret(l, password);
        if (weak != NULL) reader_warning(r, at, "the password in %s is weak: %s", path.ptr, weak);
    } else {
        reader_error(r, at, "password file %s: %s", path.ptr, error);
    }
    textfile_free(&file);
    return kept;
}

void load_pull_login(struct loader *l, const config_setting_t *group, struct str id,
                     struct config_phone *phone) {
    struct pull_draft draft = {0};
    struct config_account account = {0};
    if (!reader_group(&l->reader, group, "provisioning", pull_keys, &draft)) return;
    if (phone->mac.len == 0)
        reader_error(&l->reader, group,
                     "\"provisioning\" in phone needs \"mac\": by it the phone asks");
    if ((draft.password_file.len > 0) == draft.from_vault)
        reader_error(&l->reader, group,
                     "\"provisioning\" in phone needs exactly one of password_file and "
                     "from_vault = true");
    else if (draft.from_vault)
        load_from_vault(l, reader_at(group, "from_vault"), id, STR("http_client_pass"), &account);
    else
        account.password = read_password(l, reader_at(group, "password_file"), draft.password_file);
    phone->pull_from_vault = draft.from_vault;
    phone->pull_password = account.password;
}

/* ---- all of them ---- */

/* A line of a users file, so that one table and one check of passwords serve everybody. */
static void add_user(struct loader *l, const struct config_phone *phone, struct users *users) {
    char memory[MAC_HEX + 300];
    uint8_t ha1[HASH_MAX_LEN];
    struct str realm = l->snapshot->config.provisioning.digest.realm;
    struct outbuf line;
    if (!users_ha1(l->hasher, HASH_MD5, phone->mac, realm, phone->pull_password, ha1)) return;
    outbuf_init(&line, memory, sizeof(memory));
    outbuf_put(&line, phone->mac);
    outbuf_char(&line, ':');
    outbuf_put(&line, realm);
    outbuf_char(&line, ':');
    outbuf_hex(&line, ha1, hash_len(HASH_MD5));
    ENSURE(!line.full && users_add_line(users, outbuf_str(&line)) == USERS_LINE_OK);
    bytes_wipe(memory, sizeof(memory));
    bytes_wipe(ha1, sizeof(ha1));
}

/* Phones know MD5 and nothing else. Their passwords are random and cross the network within TLS. */
static size_t make_users(struct loader *l) {
    struct config *config = &l->snapshot->config;
    struct config_provisioning *p = &config->provisioning;
    size_t count = config->policy.phone_count, passwords = 0;
    struct str *macs = reader_alloc(&l->reader, count, sizeof(*macs));
    p->digest = (struct digest_settings){.realm = STR("phonegate provisioning"),
                                         .algorithms = {HASH_MD5},
                                         .algorithm_count = 1,
                                         .nonce_lifetime_ms = NONCE_LIFETIME_MS};
    l->snapshot->pull_users = users_new(p->digest.realm, l->key);
    for (size_t i = 0; i < count; i++) {
        macs[i] = config->phones[i].mac;
        if (config->phones[i].pull_password.len == 0 || macs[i].len == 0) continue;
        passwords++;
        add_user(l, &config->phones[i], l->snapshot->pull_users);
    }
    users_hash_names(l->snapshot->pull_users, l->hasher);
    p->macs = macs;
    p->users = l->snapshot->pull_users;
    return passwords;
}

static void check_directory(struct loader *l, const config_setting_t *group) {
    struct str path = l->snapshot->config.provisioning.directory;
    const config_setting_t *at = reader_at(group, "directory");
    char error[160];
    if (path.len == 0) return; /* reported as missing */
    if (access(path.ptr, F_OK) != 0)
        reader_warning(&l->reader, at, "%s is not there yet: phonegate harden --provision makes it",
                       path.ptr);
    else if (!textfile_directory_is_private(path.ptr, error, sizeof(error)))
        reader_error(&l->reader, at, "%s: %s", path.ptr, error);
}

static void check_identity(struct loader *l, const config_setting_t *group) {
    struct config *config = &l->snapshot->config;
    struct config_provisioning *p = &config->provisioning;
    char error[512] = "";
    if ((p->certificate.len > 0) != (p->key.len > 0)) {
        reader_error(&l->reader, group, "\"certificate\" and \"key\" in provisioning go together");
        return;
    }
    bool own = p->key.len > 0;
    if (own && !textfile_is_private(p->key.ptr, error, sizeof(error))) {
        reader_error(&l->reader, reader_at(group, "key"), "TLS key %s: %s", p->key.ptr, error);
        return;
    }
    if (!own) {
        p->certificate = config->https.certificate;
        p->key = config->https.key;
    }
    if (p->certificate.len == 0 || p->key.len == 0) return; /* reported as missing */
    struct server_tls *tls =
        server_tls_new(p->certificate.ptr, p->key.ptr, p->min_version, error, sizeof(error));
    if (tls == NULL && own) reader_error(&l->reader, reader_at(group, "certificate"), "%s", error);
    if (tls != NULL && p->client_ca.len > 0 &&
        !phone_client_ask(tls, p->client_ca.ptr, error, sizeof(error)))
        reader_error(&l->reader, reader_at(group, "client_ca"), "%s", error);
    server_tls_free(tls);
}

void load_provisioning(struct loader *l) {
    const config_setting_t *group = config_setting_get_member(l->root, "provisioning");
    struct config_provisioning *p = &l->snapshot->config.provisioning;
    size_t passwords = make_users(l);
    if (group == NULL) return;
    check_directory(l, group);
    check_identity(l, group);
    if (passwords > 0 && !hasher_has(l->hasher, HASH_MD5))
        reader_error(&l->reader, group,
                     "phones prove their passwords with MD5, which is missing in this machine's "
                     "OpenSSL (FIPS mode?): use \"client_ca\"");
    if (passwords == 0 && p->client_ca.len == 0)
        reader_warning(&l->reader, group,
                       "no phone can fetch anything: none has a password in \"provisioning\", and "
                       "there is no \"client_ca\"");
}
