/* Which phone it is, and where else an audit looks. */
#include "proxy/config/loader.h"

#define MODEL_MAX  32
#define PLAIN_PORT 80
#define OLD_REMOTE 1800 /* remote control of old Snom firmware */

struct audit_draft {
    uint32_t http_port, remote_port;
};

#define PORT(key, field, otherwise)                                                                \
    {                                                                                              \
        .name = (key), .type = READER_U32, .offset = offsetof(struct audit_draft, field),          \
        .min = 1, .max = 65535, .absent = (otherwise)                                              \
    }
static const struct reader_key audit_keys[] = {
    PORT("http_port", http_port, PLAIN_PORT),
    PORT("remote_port", remote_port, OLD_REMOTE),
    {.name = NULL},
};

static void load_model(const struct reader *r, const config_setting_t *group, struct str model,
                       struct config_phone *phone) {
    bool good = model.len <= MODEL_MAX;
    for (size_t i = 0; i < model.len; i++) {
        char c = model.ptr[i];
        good = good && (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_');
    }
    if (!good)
        reader_error(r, reader_at(group, "model"),
                     "\"%.40s\" is no model: A-Z a-z 0-9 _ -, at most %d", model.ptr, MODEL_MAX);
    phone->model = model;
}

void load_device(const struct reader *r, const config_setting_t *group, struct str model,
                 const config_setting_t *audit, struct config_phone *phone) {
    struct audit_draft draft = {0};
    (void)reader_group(r, audit, "audit", audit_keys, &draft);
    phone->plain_port = (uint16_t)draft.http_port;
    phone->remote_port = (uint16_t)draft.remote_port;
    if (model.len > 0) load_model(r, group, model, phone);
}
