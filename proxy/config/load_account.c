#include <stdio.h>
#include <string.h>

#include "certs/phone_tls.h"
#include "policy/base/bytes.h"
#include "proxy/config/loader.h"
#include "proxy/config/textfile.h"
#include "proxy/config/weak.h"

#define PASSWORD_FILE_MAX 65536
#define CA_FILE_MAX       ((size_t)16 << 20)
#define USER_MAX          255

struct account_draft {
    struct str user, password_file, realm;
    bool from_vault;
};

struct tls_draft {
    const struct str *pins;
    size_t pin_count;
    struct str ca, name;
    int verify_none;
    bool from_pins_file;
};

#define AT(field) offsetof(struct account_draft, field)
/* The realm is the phone's, so only `login` has it: admin_login begins at the second row. */
static const struct reader_key account_keys[] = {
    {.name = "realm", .type = READER_STR, .offset = AT(realm)},
    {.name = "user", .type = READER_STR, .required = true, .offset = AT(user)},
    {.name = "password_file", .type = READER_STR, .offset = AT(password_file)},
    {.name = "from_vault", .type = READER_BOOL, .offset = AT(from_vault)},
    {.name = NULL},
};
#undef AT

#define AT(field) offsetof(struct tls_draft, field)
static const struct reader_word verify_words[] = {{"none", 1}, {NULL, 0}};
static const struct reader_key tls_keys[] = {
    {.name = "pin_sha256",
     .type = READER_STR_S,
     .min = 1,
     .offset = AT(pins),
     .count_offset = AT(pin_count)},
    {.name = "from_pins_file", .type = READER_BOOL, .offset = AT(from_pins_file)},
    {.name = "ca", .type = READER_STR, .offset = AT(ca)},
    {.name = "name", .type = READER_STR, .offset = AT(name)},
    {.name = "verify", .type = READER_WORD, .offset = AT(verify_none), .words = verify_words},
    {.name = NULL},
};
#undef AT

struct str loader_keep_secret(struct loader *l, struct str text) {
    struct secret *secret = reader_alloc(&l->reader, 1, sizeof(*secret) + text.len + 1);
    memcpy(secret->text, text.ptr, text.len);
    secret->len = text.len;
    secret->next = l->snapshot->secrets;
    l->snapshot->secrets = secret;
    return (struct str){secret->text, secret->len};
}

static void load_password(struct loader *l, const config_setting_t *at, struct str name,
                          struct config_account *account) {
    const struct reader *r = &l->reader;
    struct str path = reader_path(r, at, name), password;
    struct textfile file;
    char error[160];
    if (!textfile_read(path.ptr, TEXTFILE_SECRET, PASSWORD_FILE_MAX, &file, error, sizeof(error))) {
        reader_error(r, at, "password file %s: %s", path.ptr, error);
        return;
    }
    if (textfile_password(&file, &password, error, sizeof(error))) {
        account->password = loader_keep_secret(l, password);
        const char *weak = weak_password(account->user, password);
        if (weak != NULL) reader_warning(r, at, "the password in %s is weak: %s", path.ptr, weak);
    } else {
        reader_error(r, at, "password file %s: %s", path.ptr, error);
    }
    textfile_free(&file);
}

void load_account(struct loader *l, const config_setting_t *group,
                  const struct account_place *place, struct config_account *account,
                  struct str *realm) {
    struct account_draft draft = {0};
    const struct reader_key *keys = realm != NULL ? account_keys : &account_keys[1];
    if (!reader_group(&l->reader, group, place->what, keys, &draft)) return;
    if (draft.user.len > USER_MAX || str_find(draft.user, ':', 0) < draft.user.len) {
        reader_error(&l->reader, reader_at(group, "user"),
                     "\"user\" in %s holds a colon or is longer than %d", place->what, USER_MAX);
        return;
    }
    account->user = draft.user;
    if (realm != NULL) *realm = draft.realm;
    bool from_file = draft.password_file.len > 0;
    if (from_file == draft.from_vault)
        reader_error(&l->reader, group,
                     "\"%s\" needs exactly one of password_file and from_vault = true",
                     place->what);
    else if (from_file)
        load_password(l, reader_at(group, "password_file"), draft.password_file, account);
    else
        load_from_vault(l, reader_at(group, "from_vault"), place->phone, place->setting, account);
}

static void load_own_pins(struct loader *l, const config_setting_t *group,
                          const struct tls_draft *draft, struct config_phone *phone) {
    uint8_t(*pins)[32] = reader_alloc(&l->reader, draft->pin_count, sizeof(*pins));
    for (size_t i = 0; i < draft->pin_count; i++)
        if (!bytes_from_hex(draft->pins[i], pins[i], sizeof(pins[i])))
            reader_error(&l->reader, reader_at_element(group, "pin_sha256", i),
                         "a pin is the SHA-256 of the phone's public key: 64 hexadecimal digits");
    phone->pins = (const uint8_t(*)[32])pins;
    phone->pin_count = draft->pin_count;
    phone->verify = PHONE_VERIFY_PIN;
}

/* The gate can use all of it: one that it cannot start with is no configuration. */
static bool ca_is_usable(const char *path, char *error, size_t error_len) {
    const struct phone_tls_settings settings = {.ca_file = path, .name = STR("phone")};
    char why[256];
    struct textfile file;
    if (!textfile_read(path, TEXTFILE_PUBLIC, CA_FILE_MAX, &file, error, error_len)) return false;
    bool some = memmem(file.text, file.len, "-----BEGIN ", 11) != NULL;
    textfile_free(&file);
    struct phone_tls *tls = phone_tls_new(&settings, why, sizeof(why));
    if (tls == NULL)
        snprintf(error, error_len,
                 some ? "not every certificate in it can be read" : "no certificate in PEM form");
    phone_tls_free(tls);
    return tls != NULL;
}

static void load_ca(struct loader *l, const config_setting_t *group, const struct tls_draft *draft,
                    struct config_phone *phone) {
    const config_setting_t *at = reader_at(group, "ca");
    char error[160] = "as reported above";
    phone->ca_file = reader_path(&l->reader, at, draft->ca);
    phone->verify = PHONE_VERIFY_CA;
    size_t good = 0; /* thousands of phones may share one file */
    if (!strmap_find(&l->ca_files, phone->ca_file, &good)) {
        good = ca_is_usable(phone->ca_file.ptr, error, sizeof(error)) ? 1 : 0;
        size_t unused;
        ENSURE(strmap_add(&l->ca_files, phone->ca_file, good, &unused));
    }
    if (good == 0) reader_error(&l->reader, at, "\"ca\": %s: %s", phone->ca_file.ptr, error);
}

static void load_verify_name(struct loader *l, const config_setting_t *group,
                             const struct tls_draft *draft, struct config_phone *phone) {
    if (draft->name.len == 0) return;
    const config_setting_t *at = reader_at(group, "name");
    char name[HOSTPORT_NAME_MAX + 1];
    if (draft->ca.len == 0)
        reader_error(&l->reader, at, "\"name\" in tls goes with \"ca\"");
    else if (str_find(draft->name, ':', 0) < draft->name.len || !hostport_name(draft->name, name))
        reader_error(&l->reader, at, "\"%.80s\" is no host name", draft->name.ptr);
    phone->verify_name = draft->name;
}

void load_phone_tls(struct loader *l, const config_setting_t *group, struct str id,
                    struct config_phone *phone) {
    struct tls_draft draft = {0};
    if (!reader_group(&l->reader, group, "tls", tls_keys, &draft)) return;
    int ways = (draft.pin_count > 0) + (draft.ca.len > 0) + draft.verify_none +
               (draft.from_pins_file ? 1 : 0);
    if (ways != 1)
        reader_error(
            &l->reader, group,
            "\"tls\" in phone needs exactly one of pin_sha256, from_pins_file, ca and verify = "
            "\"none\"");
    if (draft.pin_count > 0) load_own_pins(l, group, &draft, phone);
    if (draft.from_pins_file) load_phone_pins(l, reader_at(group, "from_pins_file"), id, phone);
    if (draft.ca.len > 0) load_ca(l, group, &draft, phone);
    load_verify_name(l, group, &draft, phone);
    if (draft.verify_none != 0) phone->verify = PHONE_VERIFY_NONE;
}
