#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/config/textfile.h"
#include "proxy/harden/held_parts.h"
#include "proxy/run/state.h"

/* ---- reading ---- */

static void take_line(void *user, const struct held_memory *m) {
    struct held_phone *p = held_add(user, str_of(m->id));
    p->memory = *m;
}

/* At the start, before anybody asks. */
void held_load(struct held *h) {
    struct textfile file = {.text = NULL};
    char error[256] = "a line is wrong";
    if (h->dir[0] == '\0') return;
    char *path = state_path(h->dir, HELD_FILE);
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        bool good =
            textfile_read(path, TEXTFILE_SECRET, HELD_FILE_MAX, &file, error, sizeof(error)) &&
            held_state_read((struct str){file.text, file.len}, take_line, h);
        h->memory_lost = !good;
        if (!good) log_event(LOG_ERROR, "state.held_lost", "file=%s error=%s", path, error);
        textfile_free(&file);
    }
    free(path);
}

/* ---- writing ---- */

static bool is_worth_keeping(const struct held_phone *p, uint64_t now_s) {
    if (p->listed) return true;
    return p->memory.tried_s + HELD_FORGET_S > now_s;
}

static char *text_of(const struct held *h, size_t *len) {
    size_t room = (h->count + 1) * HELD_LINE_MAX;
    char *text = malloc(room);
    struct outbuf out;
    ENSURE(text != NULL);
    outbuf_init(&out, text, room);
    held_state_head(&out);
    for (size_t i = 0; i < h->count; i++)
        if (is_worth_keeping(h->phones[i], (uint64_t)time(NULL)))
            held_state_put(&h->phones[i]->memory, &out);
    ENSURE(!out.full);
    *len = out.len;
    return text;
}

void held_save(struct held *h) {
    char error[512];
    size_t len;
    if (h->dir[0] == '\0' || (!h->news_to_save && !h->times_to_save)) return;
    h->saved_ms = h->shared->epoch_ms + uv_now(h->loop);
    h->news_to_save = h->times_to_save = false;
    char *text = text_of(h, &len);
    if (!state_write(h->dir, HELD_FILE, (struct str){text, len}, error, sizeof(error))) {
        log_event(LOG_ERROR, "state.write_failed", "error=%s", error);
        h->times_to_save = true; /* again in a minute */
    }
    free(text);
}

uint64_t held_save_due(const struct held *h) {
    if (h->dir[0] == '\0') return UINT64_MAX;
    if (h->news_to_save) return h->saved_ms + HELD_SAVE_MS;
    return h->times_to_save ? h->saved_ms + HELD_SAVE_TIMES_MS : UINT64_MAX;
}

void held_save_in_time(struct held *h, uint64_t now_ms) {
    if (held_save_due(h) <= now_ms) held_save(h);
}
