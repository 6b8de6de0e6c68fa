#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/callout.h"
#include "job/trigger.h"
#include "model/signal.h"
#include "net/exchange.h"
#include "store/link.h"
#include "text/doc.h"
#include "text/uri.h"

#define STOP_MS 2000      /* for it to end, when we shall */
#define AT_ONCE 16        /* exchanges */
#define DEADLINE_MS 10000 /* of one */
#define MAIL_MS 30000     /* for sendmail to take a message */
#define KEPT_MS 86400000  /* how long one is tried, at least TRIES_MIN times */
#define TRIES_MIN 12      /* so that a clock set forward ends none */
#define IDENT_TEXT (UUID_TEXT + 24)
#define IDLE_MS 60000 /* the longest sleep: a job on another host wakes nobody */

/* --- the worker's side --- */

static int start(struct caller *c, const char *how, struct err *err)
{
    free(c->argv[0]);
    c->argv[0] = spawn_find_program("execdm-callout");
    c->argv[1] = (char *)how;
    c->missing = !c->argv[0];
    if (c->missing)
        return err_set(err, CODE_UNAVAIL, "execdm-callout is not installed beside this program");
    spawn_fini(&c->run);
    c->run = (struct spawn){.argv = c->argv};
    return spawn_start(&c->run, err);
}

void caller_care(struct caller *c, struct store *store)
{
    struct err ignored = {0};
    int64_t due;
    if (c->missing || !spawn_ended(&c->run) || link_next(store, clock_ms(), &due, &ignored) <= 0)
        return;
    start(c, "stay", &ignored);
}

static bool is_due(struct store *store)
{
    struct err ignored = {0};
    int64_t now = clock_ms(), due;
    return link_next(store, now, &due, &ignored) > 0 && due <= now;
}

void caller_end(struct caller *c, struct store *store, bool (*stop)(void *context), void *context)
{
    struct err ignored = {0};
    const int64_t until = clock_boot() + STOP_MS;
    if (!spawn_ended(&c->run))
        kill(c->run.pid, SIGTERM);
    while (!spawn_ended(&c->run) && (clock_boot() < until || !(stop && stop(context))))
        usleep(20000);
    if (!c->missing && !(stop && stop(context)) && is_due(store) &&
        start(c, "once", &ignored) == 0) {
        struct spawn *one = &c->run;
        one->stop = stop;
        one->context = context;
        spawn_serve(&one, 1);
        spawn_result(one, &ignored);
    }
    spawn_fini(&c->run);
    free(c->argv[0]);
    *c = (struct caller){0};
}

/* --- one callout --- */

/* What an attempt came to. */
static enum link_end judge(const struct exchange *x, struct err *why)
{
    const json_t *error = json_object_get(x->reply, "error");
    if (exchange_done(x, why) == 0 || json_int(error, "status", 0) / 100 == 2)
        return LINK_SENT; /* also when nobody can read what was answered */
    const bool never = why->code == CODE_PERM || why->code == CODE_NOINPUT ||
                       why->code == CODE_DATA || x->status / 100 == 3 || x->status == 410;
    return never ? LINK_FAILED : LINK_AGAIN;
}

static int settle(struct store *store, const struct callout *c, enum link_end end,
                  const struct err *why, struct err *err)
{
    const int64_t now = clock_ms();
    if (end == LINK_AGAIN && c->tries + 1 >= TRIES_MIN && now - c->time > KEPT_MS)
        end = LINK_FAILED;
    return link_settle(store, c, end, now, end == LINK_SENT ? NULL : why->text, err);
}

/* In this store, without any network: a trigger of one of our own jobs. */
static int call_here(struct store *store, const struct callout *c, struct err *err)
{
    const char *body = json_text(c->doc, "body");
    own(json_fini) json_t *values = NULL;
    own(firing_fini) struct firing f = {0};
    struct err why = {0};
    enum link_end end = LINK_SENT;
    if (doc_bytes("content", body, strlen(body), &values, &why) < 0 ||
        trigger_call(store, json_text(c->doc, "endpoint"), values, clock_ms(), &f, &why) < 0)
        end = why.code == CODE_DATA || why.code == CODE_NOINPUT ? LINK_FAILED : LINK_AGAIN;
    return settle(store, c, end, &why, err);
}

static json_t *headers_of(const struct callout *c)
{
    return json_pack("{s:o}", "Execdm-Sequence", json_sprintf("%lld", (long long)c->number));
}

/* The key for what goes to this host, of a file of mode 0600; NULL when there is none. */
static char *signing_key(const json_t *site, const char *host, struct err *err)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(site, "signatures"), i, row) {
        const char *file = json_text(row, "file");
        struct stat st;
        char key[4096];
        if (strcasecmp(json_text(row, "host"), host) != 0)
            continue;
        own(fd_fini) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n = fd < 0 || fstat(fd, &st) < 0 ? -1 : read(fd, key, sizeof(key) - 1);
        if (n > 0 && (st.st_mode & 077)) {
            err_set(err, CODE_CONFIG, "%s: expected mode 0600, as it holds a key", file);
            return NULL;
        }
        key[n > 0 ? n : 0] = '\0';
        key[strcspn(key, "\r\n")] = '\0';
        if (!key[0])
            err_set(err, CODE_CONFIG, "%s holds no key", file);
        return key[0] ? str_new(key) : NULL;
    }
    return NULL;
}

/* Whom it may reach, and how it is signed. A new reference, NULL with err. */
static json_t *only_of(const struct callout *c, const json_t *site, const char *id, struct err *err)
{
    const json_t *policy = json_object_get(site, "policy");
    own(str_fini) char *host = uri_host(json_text(c->doc, "endpoint"));
    own(str_fini) char *key = host ? signing_key(site, host, err) : NULL;
    if (err->code)
        return NULL;
    json_t *only = json_pack("{s:O*,s:b}", "hosts", json_object_get(policy, "allow-hosts"),
                             "public", !json_is_true(json_object_get(policy, "private-addresses")));
    if (key)
        json_object_set_new(only, "signature", json_pack("{s:s,s:s}", "id", id, "key", key));
    return only;
}

/* --- mail --- */

/* A subject in any language, on one line (RFC 2047). */
static void add_subject(struct buf *b, const char *subject)
{
    bool plain = true;
    for (const char *c = subject; *c; c++)
        plain &= *c >= 0x20 && *c < 0x7f;
    if (plain && strlen(subject) < 900) {
        buf_print(b, "Subject: %s\n", subject);
        return;
    }
    buf_str(b, "Subject: ");
    for (const unsigned char *c = (const unsigned char *)subject; *c;) {
        size_t n = 0;
        buf_str(b, "=?UTF-8?Q?");
        for (; *c && (n < 12 || (*c & 0xc0) == 0x80); c++, n++) /* whole letters */
            buf_print(b, "=%02X", *c);
        buf_str(b, *c ? "?=\n " : "?=\n");
    }
}

static char *mail_of(const struct callout *c)
{
    const json_t *to = json_object_get(c->doc, "to");
    struct buf b = {0};
    size_t i;
    json_t *one;
    buf_print(&b, "To: %s", json_is_string(to) ? json_string_value(to) : "");
    json_array_foreach (to, i, one)
        buf_print(&b, "%s%s", i ? ",\n " : "", json_string_value(one));
    buf_char(&b, '\n');
    add_subject(&b, json_text(c->doc, "subject"));
    buf_print(&b,
              "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
              "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
              "Execdm-Job: %s\nExecdm-Sequence: %lld\n\n%s",
              c->job, (long long)c->number, json_text(c->doc, "body"));
    return buf_take(&b);
}

/* sendmail(8): its exit codes are those of sysexits.h. */
static int send_mail(struct store *store, const struct callout *c, const json_t *site,
                     struct err *err)
{
    const char *program = json_text(json_object_get(site, "policy"), "sendmail");
    own(str_fini) char *mail = mail_of(c);
    char *argv[] = {(char *)program, "-t", "-i", NULL};
    own(spawn_fini) struct spawn run = {.argv = argv, .input = mail, .deadline_ms = MAIL_MS};
    struct err why = {0};
    if (!program) {
        err_set(&why, CODE_PERM, "this site sends no mail any more");
        return settle(store, c, LINK_FAILED, &why, err);
    }
    const int rc = spawn_run(&run, &why);
    if (rc > 0)
        err_set(&why, CODE_UNAVAIL, "%s ended with %d: %s", program, rc, spawn_last_error(&run));
    const bool never = rc == 64 || rc == 65 || rc == 67 || rc == 68 || rc == 77;
    return settle(store, c, rc == 0 ? LINK_SENT : never ? LINK_FAILED : LINK_AGAIN, &why, err);
}

/* --- all of them --- */

struct sending {
    struct exchange exchange;
    json_t *headers, *only;
    char id[IDENT_TEXT]; /* the same each time it is sent */
};

static void sending_fini(struct sending *s)
{
    exchange_fini(&s->exchange);
    json_decref(s->headers);
    json_decref(s->only);
}

/* Those that go over the network, side by side. */
static int post(struct store *store, const struct callout *list, size_t n, const json_t *site,
                struct err *err)
{
    struct sending sendings[AT_ONCE] = {0};
    struct exchange *exchanges[AT_ONCE] = {NULL};
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        struct sending *s = &sendings[i];
        s->headers = headers_of(&list[i]);
        snprintf(s->id, sizeof(s->id), "%s.%lld", list[i].job, (long long)list[i].seq);
        s->exchange = (struct exchange){.method = "POST",
                                        .url = json_text(list[i].doc, "endpoint"),
                                        .body = json_text(list[i].doc, "body"),
                                        .type = json_text(list[i].doc, "type"),
                                        .key = s->id,
                                        .headers = s->headers,
                                        .deadline_ms = DEADLINE_MS};
        s->only = only_of(&list[i], site, s->id, &s->exchange.err);
        s->exchange.only = s->only;
        if (s->only)
            exchange_start(&s->exchange);
        exchanges[i] = &s->exchange;
    }
    exchange_wait(exchanges, n);
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};
        const enum link_end end = judge(&sendings[i].exchange, &why);
        if (rc == 0)
            rc = settle(store, &list[i], end, &why, err);
        sending_fini(&sendings[i]);
    }
    return rc;
}

static int make(struct store *store, struct callout *list, size_t n, const json_t *site,
                struct err *err)
{
    size_t web = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const char *endpoint = json_text(list[i].doc, "endpoint");
        if (!endpoint) {
            rc = send_mail(store, &list[i], site, err);
        } else if (str_begins(endpoint, SIGNAL_PATH)) {
            rc = call_here(store, &list[i], err);
        } else {
            const struct callout c = list[web];
            list[web++] = list[i];
            list[i] = c;
        }
    }
    return rc == 0 && web ? post(store, list, web, site, err) : rc;
}

/* One's turn: the lock is the kernel's, and goes with its holder. -1 with err->code 0: not now. */
static int take_turn(const struct store *store, bool stay, struct err *err)
{
    own(str_fini) char *path = str_print("%s/callouts.lock", store->dir);
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "cannot open %s", path);
    if (flock(fd, stay ? LOCK_EX : LOCK_EX | LOCK_NB) < 0)
        return -1;
    const int taken = fd;
    fd = -1;
    return taken;
}

/* Any write to the store wakes it. */
static int open_alarm(const struct store *store)
{
    own(str_fini) char *wake = str_print("%s/%s", store->dir, store_wake_name());
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify_add_watch(fd, wake, IN_CLOSE_WRITE);
    return fd;
}

static int wait_for_more(struct store *store, int alarm, struct err *err)
{
    char events[4096];
    struct pollfd fd = {alarm, POLLIN, 0};
    int64_t now = clock_ms(), due = now + IDLE_MS;
    if (link_next(store, now, &due, err) < 0)
        return -1;
    const int64_t ms = due - now < IDLE_MS ? due - now : IDLE_MS;
    if (ms > 0)
        poll(&fd, 1, (int)ms);
    while (read(alarm, events, sizeof(events)) > 0)
        ;
    return 0;
}

int callout_make(struct store *store, const json_t *site, bool stay, const volatile int *told,
                 struct err *err)
{
    own(fd_fini) int turn = take_turn(store, stay, err);
    if (turn < 0)
        return err->code ? -1 : 0;
    own(fd_fini) int alarm = open_alarm(store);
    for (;;) {
        struct callout *list;
        size_t n;
        if (link_due(store, clock_ms(), AT_ONCE, &list, &n, err) < 0)
            return -1;
        const int rc = make(store, list, n, site, err);
        callouts_free(list, n);
        if (rc < 0)
            return -1;
        if (n > 0)
            continue;
        if (!stay || *told)
            return 0;
        if (wait_for_more(store, alarm, err) < 0)
            return -1;
    }
}
