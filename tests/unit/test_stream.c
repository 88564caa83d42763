/* Writing through a stream in clear: what leaves when. TLS and the rest: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/net/stream.h"

struct end {
    struct stream stream;
    int peer; /* the other end of the socket */
    unsigned closed;
};

struct world {
    uv_loop_t loop;
    struct io io;
    struct end ends[3];
};

static void on_nothing(struct stream *s) {
    (void)s;
}

static void on_data(struct stream *s, struct str data) {
    (void)s;
    (void)data;
}

static void on_end(struct stream *s, enum stream_end why) {
    (void)s;
    (void)why;
}

static void on_closed(struct stream *s) {
    container_of(s, struct end, stream)->closed++;
}

static const struct stream_ops ops = {
    .on_open = on_nothing,
    .on_data = on_data,
    .on_batch = on_nothing,
    .on_writable = on_nothing,
    .on_end = on_end,
    .on_closed = on_closed,
};

static int set_up(void **state) {
    static struct world world;
    assert_int_equal(uv_loop_init(&world.loop), 0);
    io_init(&world.io, &world.loop);
    for (size_t i = 0; i < ARRAY_LEN(world.ends); i++) {
        struct end *end = &world.ends[i];
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        *end = (struct end){.peer = pair[1]};
        assert_int_equal(stream_init(&end->stream, &world.io, &ops), 0);
        assert_int_equal(uv_tcp_open(&end->stream.tcp, pair[0]), 0);
    }
    *state = &world;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(w->ends); i++) {
        stream_close(&w->ends[i].stream);
        close(w->ends[i].peer);
    }
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    for (size_t i = 0; i < ARRAY_LEN(w->ends); i++) assert_int_equal(w->ends[i].closed, 1);
    io_deinit(&w->io);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    return 0;
}

static char received[2 * STREAM_SOON_MAX];

/* Octets that have arrived at the other end. */
static size_t arrived(const struct end *end) {
    ssize_t got = recv(end->peer, received, sizeof(received), MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

static void small_writes_leave_together(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 3; i++) {
        stream_write(&w->ends[i].stream, STR("answer"));
        stream_flush_soon(&w->ends[i].stream);
    }
    stream_write(&w->ends[0].stream, STR(" and more"));
    stream_flush_soon(&w->ends[0].stream);
    for (size_t i = 0; i < 3; i++) assert_int_equal(arrived(&w->ends[i]), 0);
    io_flush(&w->io);
    assert_int_equal(arrived(&w->ends[0]), strlen("answer and more"));
    assert_memory_equal(received, "answer and more", strlen("answer and more"));
    assert_int_equal(arrived(&w->ends[1]), strlen("answer"));
    assert_int_equal(arrived(&w->ends[2]), strlen("answer"));
    io_flush(&w->io);
    for (size_t i = 0; i < 3; i++) assert_int_equal(arrived(&w->ends[i]), 0);
}

/* Whoever takes a connection over may find it closed in the meantime: nothing is begun, and nothing
 * leaks. */
static void no_handshake_begins_on_a_closed_stream(void **state) {
    struct world *w = *state;
    struct end *end = &w->ends[0];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    stream_close(&end->stream);
    stream_start_tls(&end->stream, ssl); /* takes it */
    assert_true(stream_is_closed(&end->stream));
    assert_null(end->stream.ssl);
    io_flush(&w->io);
    assert_int_equal(arrived(end), 0);
    SSL_CTX_free(ctx);
}

static void much_leaves_at_once(void **state) {
    static const char octets[STREAM_SOON_MAX + 1];
    struct world *w = *state;
    struct end *end = &w->ends[1];
    stream_write(&end->stream, (struct str){octets, STREAM_SOON_MAX});
    stream_flush_soon(&end->stream);
    assert_int_equal(arrived(end), 0);
    stream_write(&end->stream, STR("x"));
    stream_flush_soon(&end->stream);
    assert_int_equal(arrived(end), STREAM_SOON_MAX + 1);
}

/* Whoever flushes, finishes or closes meanwhile is out of the list, wherever it stood there. */
static void who_leaves_the_list_stays_out(void **state) {
    struct world *w = *state;
    for (size_t gone = 0; gone < 3; gone++) {
        for (size_t i = 0; i < 3; i++) {
            stream_write(&w->ends[i].stream, STR("answer"));
            stream_flush_soon(&w->ends[i].stream);
        }
        stream_flush(&w->ends[gone].stream);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(arrived(&w->ends[i]), i == gone ? strlen("answer") : 0);
        io_flush(&w->io);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(arrived(&w->ends[i]), i == gone ? 0 : strlen("answer"));
    }
    for (size_t i = 0; i < 3; i++) {
        stream_write(&w->ends[i].stream, STR("answer"));
        stream_flush_soon(&w->ends[i].stream);
    }
    stream_finish(&w->ends[0].stream);
    assert_int_equal(arrived(&w->ends[0]), strlen("answer"));
    stream_close(&w->ends[1].stream);
    io_flush(&w->io);
    assert_int_equal(arrived(&w->ends[1]), 0);
    assert_int_equal(arrived(&w->ends[2]), strlen("answer"));
}

/* Whoever sends nothing more still gets the last answer to its end. */
static void an_end_does_not_cut_the_last_answer(void **state) {
    static char answer[1024 * 1024], piece[64 * 1024];
    struct world *w = *state;
    struct end *end = &w->ends[1];
    size_t total = 0;
    ssize_t got;
    stream_read(&end->stream);
    stream_write(&end->stream, (struct str){answer, sizeof(answer)});
    stream_finish(&end->stream);
    assert_true(stream_unsent(&end->stream) > 0); /* more than the kernel takes */
    assert_int_equal(shutdown(end->peer, SHUT_WR), 0);
    do {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        got = recv(end->peer, piece, sizeof(piece), MSG_DONTWAIT);
        if (got > 0) total += (size_t)got;
    } while (got != 0);
    assert_int_equal(total, sizeof(answer));
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_true(stream_is_closed(&end->stream)); /* and nobody is waited for */
}

/* on_closed comes before the next io_flush, and the memory goes with it. */
static void a_reset_leaves_every_list(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < 3; i++) {
        stream_write(&w->ends[i].stream, STR("answer"));
        stream_flush_soon(&w->ends[i].stream);
    }
    w->ends[1].stream.warm = true;
    w->io.warm_count = 1;
    stream_reset(&w->ends[1].stream);
    assert_false(w->ends[1].stream.soon);
    assert_ptr_equal(w->ends[0].stream.soon_next, &w->ends[2].stream);
    assert_int_equal(w->io.warm_count, 0);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(w->ends[1].closed, 1);
    memset(&w->ends[1].stream, 0xff, sizeof(w->ends[1].stream));
    io_flush(&w->io);
    assert_int_equal(arrived(&w->ends[0]), strlen("answer"));
    assert_int_equal(arrived(&w->ends[2]), strlen("answer"));
    w->ends[1].stream.state = STREAM_CLOSED;
}

/* ---- the last answer ---- */

static char much[1 << 20]; /* more than both kernels keep with the buffers below */

static void connect_end(struct world *w, struct end *end) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(any);
    const int small = 8192;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&any, &len), 0);
    *end = (struct end){.peer = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(setsockopt(end->peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    assert_int_equal(connect(end->peer, (struct sockaddr *)&any, sizeof(any)), 0);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    assert_int_equal(stream_init(&end->stream, &w->io, &ops), 0);
    assert_int_equal(uv_tcp_open(&end->stream.tcp, fd), 0);
    close(listener);
}

/* The last answer is written, and most of it still here. */
static void begin_last_answer(struct world *w, struct end *end) {
    connect_end(w, end);
    stream_read(&end->stream);
    stream_write(&end->stream, (struct str){much, sizeof(much)});
    stream_finish(&end->stream);
    assert_true(stream_unsent(&end->stream) > sizeof(much) / 2);
}

static void read_some(struct world *w, const struct end *end, size_t least) {
    char octets[4096];
    for (size_t sum = 0; sum < least;) {
        ssize_t got = recv(end->peer, octets, sizeof(octets), MSG_DONTWAIT);
        if (got > 0) sum += (size_t)got;
        if (got < 0) (void)uv_run(&w->loop, UV_RUN_ONCE);
        assert_true(got != 0);
    }
}

static void H28_the_last_answer_may_take_its_time_but_must_be_taken(void **state) {
    struct world *w = *state;
    struct end end;
    begin_last_answer(w, &end);
    for (int span = 0; span < 3; span++) {
        uint64_t before = end.stream.taken_before;
        while (stream_taken(&end.stream) < before + STREAM_FINISH_LEAST) read_some(w, &end, 1);
        end.stream.linger.timer_cb(&end.stream.linger);
        assert_false(stream_is_closed(&end.stream));
    }
    /* Nobody reads: both kernels fill up, and then it is over. */
    for (int span = 0; span < 50 && !stream_is_closed(&end.stream); span++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        end.stream.linger.timer_cb(&end.stream.linger);
    }
    assert_true(stream_is_closed(&end.stream));
    while (!end.closed) (void)uv_run(&w->loop, UV_RUN_ONCE);
    close(end.peer);
}

/* Nothing that comes behind the last answer may end the connection before the other side does: a
 * reset would take away what it has not read yet. */
static void H14_behind_the_last_answer_nothing_is_an_error(void **state) {
    struct world *w = *state;
    struct end *end = &w->ends[1];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_accept_state(ssl);
    stream_start_tls(&end->stream, ssl);
    stream_finish(&end->stream);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(end->peer, "no record of TLS", 16, 0), 16);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_int_equal(end->stream.state, STREAM_FINISHING);
    }
    assert_int_equal(shutdown(end->peer, SHUT_WR), 0);
    while (!stream_is_closed(&end->stream)) (void)uv_run(&w->loop, UV_RUN_ONCE);
    SSL_CTX_free(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_writes_leave_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_handshake_begins_on_a_closed_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(much_leaves_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_the_list_stays_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_does_not_cut_the_last_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_leaves_every_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(H14_behind_the_last_answer_nothing_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(H28_the_last_answer_may_take_its_time_but_must_be_taken,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
