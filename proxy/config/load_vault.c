/* The group "vault", and the accounts whose password is in it. */
#include <unistd.h>

#include "proxy/config/loader.h"
#include "proxy/vault/vault.h"

/* So many lines on what is damaged; check would drown in more. */
#define DAMAGE_SHOWN 20

#define STRING(key, must, field)                                                                   \
    {                                                                                              \
        .name = (key), .type = READER_STR, .required = (must),                                     \
        .offset = offsetof(struct snapshot, draft.field)                                           \
    }
const struct reader_key load_vault_keys[] = {
    STRING("file", true, vault_file),
    STRING("key_file", false, vault_key_file),
    STRING("key_credential", false, vault_key_credential),
    STRING("passphrase_file", false, vault_passphrase_file),
    {.name = "candidate_after_s",
     .type = READER_SECONDS,
     .offset = offsetof(struct snapshot, config.vault.candidate_after_ms),
     .max = 86400,
     .absent = 60},
    {.name = NULL},
};

static struct vault_key_source key_source(struct loader *l, const config_setting_t *group) {
    const struct draft *draft = &l->snapshot->draft;
    struct vault_key_source source = {VAULT_KEY_FILE, NULL};
    const char *key = "key_file";
    struct str where = draft->vault_key_file;
    if (draft->vault_key_credential.len > 0) {
        source.kind = VAULT_KEY_CREDENTIAL;
        source.where = draft->vault_key_credential.ptr;
        return source;
    }
    if (draft->vault_passphrase_file.len > 0) {
        source.kind = VAULT_KEY_PASSPHRASE_FILE;
        key = "passphrase_file";
        where = draft->vault_passphrase_file;
    }
    source.where = reader_path(&l->reader, reader_at(group, key), where).ptr;
    return source;
}

/* Where it is and what opens it; nothing is opened. */
void load_vault_paths(struct loader *l) {
    const struct draft *draft = &l->snapshot->draft;
    struct config_vault *vault = &l->snapshot->config.vault;
    const config_setting_t *group = config_setting_get_member(l->root, "vault");
    if (group == NULL || draft->vault_file.len == 0) return;
    int ways = (draft->vault_key_file.len > 0) + (draft->vault_key_credential.len > 0) +
               (draft->vault_passphrase_file.len > 0);
    if (ways != 1) {
        reader_error(&l->reader, group,
                     "\"vault\" needs exactly one of key_file, key_credential and passphrase_file");
        return;
    }
    if (draft->vault_key_credential.len > 0 &&
        !vault_key_name_is_good(draft->vault_key_credential)) {
        reader_error(&l->reader, reader_at(group, "key_credential"),
                     "\"%.80s\" is no name of a credential: letters, digits, . _ -",
                     draft->vault_key_credential.ptr);
        return;
    }
    vault->key = key_source(l, group);
    vault->file = reader_path(&l->reader, reader_at(group, "file"), draft->vault_file);
}

/* What is wrong with it, whether a phone needs that record or not. */
static void tell_damage(struct loader *l, const config_setting_t *at) {
    char text[256];
    size_t next = 0;
    unsigned count = 0;
    while (vault_damage(l->vault, &next, text, sizeof(text))) {
        if (++count <= DAMAGE_SHOWN)
            reader_warning(&l->reader, at, "vault %s: %s", l->snapshot->config.vault.file.ptr,
                           text);
    }
    if (count > DAMAGE_SHOWN)
        reader_warning(&l->reader, at, "vault %s: and %u more", l->snapshot->config.vault.file.ptr,
                       count - DAMAGE_SHOWN);
}

void load_vault(struct loader *l) {
    const struct config_vault *settings = &l->snapshot->config.vault;
    if (settings->file.len == 0 || l->sample) return;
    const config_setting_t *at = reader_at(config_setting_get_member(l->root, "vault"), "file");
    char error[512];
    l->vault = vault_open(settings->file.ptr, &settings->key, false, error, sizeof(error));
    if (l->vault == NULL) {
        reader_error(&l->reader, at, "vault %s%s", error,
                     access(settings->file.ptr, F_OK) == 0 ? ""
                                                           : ": `phonegate secret init` makes it");
        return;
    }
    l->snapshot->config.vault.generation = vault_generation(l->vault);
    tell_damage(l, at);
}

static struct str take(struct loader *l, struct str id, struct str setting,
                       enum vault_which which) {
    struct str value;
    return vault_get(l->vault, id, setting, which, &value) ? loader_keep_secret(l, value)
                                                           : STR_NONE;
}

void load_from_vault(struct loader *l, const config_setting_t *at, struct str id,
                     struct str setting, struct config_account *account) {
    const struct reader *r = &l->reader;
    account->from_vault = true;
    if (config_setting_get_member(l->root, "vault") == NULL)
        reader_error(r, at, "\"from_vault\" needs the group \"vault\"");
    if (l->vault == NULL || id.len == 0) return; /* reported */
    for (int which = VAULT_CURRENT; which <= VAULT_CANDIDATE; which++) {
        const char *problem = vault_problem(l->vault, id, setting, (enum vault_which)which);
        if (problem != NULL)
            reader_error(r, at, "vault %s: record %.64s " STR_FMT " %s: %s",
                         l->snapshot->config.vault.file.ptr, id.ptr, STR_ARG(setting),
                         which == VAULT_CURRENT ? "current" : "candidate", problem);
    }
    account->password = take(l, id, setting, VAULT_CURRENT);
    account->candidate = take(l, id, setting, VAULT_CANDIDATE);
    if (account->password.len > 0 || account->candidate.len > 0) return;
    /* A reload would take away a password that the running gate has. */
    if (!vault_names_all(l->vault))
        reader_error(r, at,
                     "vault %s: record %.64s " STR_FMT ": it is missing, or was cut off with the "
                     "index: put a copy in its place, or set it again with `phonegate secret set`",
                     l->snapshot->config.vault.file.ptr, id.ptr, STR_ARG(setting));
    else
        reader_warning(r, at,
                       "the vault has no " STR_FMT " of phone \"%.64s\": nobody reaches it with "
                       "this account until `phonegate harden --apply` or `phonegate secret set` "
                       "puts one there",
                       STR_ARG(setting), id.ptr);
}
