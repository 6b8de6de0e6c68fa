#include <ctype.h>
#include "model/signal.h"
#include "text/buf.h"
#include "text/write.h"

/* --- tokens --- */

char *signal_token(const char *id, const char *secret, char text[TOKEN_TEXT])
{
    size_t n = 0;
    for (; *id; id++)
        if (*id != '-')
            text[n++] = *id;
    snprintf(text + n, TOKEN_TEXT - n, "%s", secret);
    return text;
}

bool signal_token_parse(const char *text, char id[UUID_TEXT], char secret[SECRET_TEXT])
{
    const char *slash = strrchr(text, '/');
    const char *t = slash ? slash + 1 : text;
    if (strspn(t, "0123456789abcdef") != TOKEN_TEXT - 1 || t[TOKEN_TEXT - 1])
        return false;
    snprintf(id, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", t, t + 8, t + 12, t + 16, t + 20);
    snprintf(secret, SECRET_TEXT, "%s", t + 32);
    return true;
}

bool signal_secret_same(const char *a, const char *b)
{
    unsigned differ = 0;
    if (!a || !b || strlen(a) != SECRET_TEXT - 1 || strlen(b) != SECRET_TEXT - 1)
        return false;
    for (size_t i = 0; i < SECRET_TEXT - 1; i++)
        differ |= (unsigned)(a[i] ^ b[i]);
    return differ == 0;
}

/* --- triggers --- */

bool signal_starts(const json_t *trigger)
{
    size_t i;
    json_t *condition;
    json_array_foreach (json_object_get(json_object_get(trigger, "spec"), "conditions"), i,
                        condition)
        if (str_same(json_text(condition, "action"), ACTION_START))
            return true;
    return false;
}

/* Is the text one of "A,B"? */
static bool lists(const char *list, const char *text)
{
    const size_t len = strlen(text);
    for (; list && *list; list += *list == ',') {
        const size_t n = strcspn(list, ",");
        if (n == len && strncmp(list, text, n) == 0)
            return true;
        list += n;
    }
    return false;
}

char *signal_text(const json_t *value)
{
    return json_is_string(value) ? str_new(json_string_value(value)) : write_string(value);
}

const char *signal_action(const json_t *trigger, const json_t *values)
{
    const char *found = NULL;
    size_t i;
    json_t *condition;
    json_array_foreach (json_object_get(json_object_get(trigger, "spec"), "conditions"), i,
                        condition) {
        const char *action = json_text(condition, "action");
        const json_t *value = json_object_get(values, json_text(condition, "name"));
        own(str_fini) char *text = value ? signal_text(value) : NULL;
        if (!text || !lists(json_text(condition, "value"), text))
            continue;
        if (str_same(action, ACTION_CANCEL))
            return ACTION_CANCEL;
        found = ACTION_START;
    }
    return found;
}

/* --- callouts --- */

const char *const signal_markers[] = {"job.name",        "job.ident",   "job.status", "job.link",
                                      "system.datetime", "system.date", NULL};

/* The forms of a content, and of a mail's. */
enum form { YAML, JSON, WORDS, TEXT };

static enum form form_of(const char *type)
{
    return !type || strstr(type, "yaml")     ? YAML
           : strstr(type, "json")            ? JSON
           : strstr(type, "form-urlencoded") ? WORDS
                                             : TEXT;
}

/* The place a marker stands at. */
struct hole {
    const char *from, *to; /* of the whole template, up to it and behind it */
    const char *rest;
};

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* As JSON writes it, with its quotes or without. */
static void add_quoted(struct buf *b, const char *value, bool quotes)
{
    own(json_fini) json_t *string = json_string(value);
    own(str_fini) char *text = write_string(string);
    const size_t n = strlen(text);
    buf_add(b, text + !quotes, n - 2 * !quotes);
}

/* Does YAML read it as these letters, wherever it stands? */
static bool is_plain(const char *value)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(words[i], value) == 0)
            return false;
    if (!*value || strchr(" -:?.=%&~@+/", *value) || value[strspn(value, "0123456789.eE+-_")] == 0)
        return false;
    for (const char *c = value; *c; c++) {
        const bool blank = c[1] == ' ' || c[1] == '\0';
        if (is_control(*c) || strchr("\"'\\#{}[],|>*!`<", *c) || (*c == ':' && blank) ||
            (*c == ' ' && blank))
            return false;
    }
    return true;
}

/* Is there nothing else in its line but a key? Then it may be quoted. */
static bool stands_alone(const struct hole *h)
{
    const char *line = h->to;
    while (line > h->from && line[-1] != '\n')
        line--;
    const size_t n = (size_t)(h->to - line);
    const size_t blanks = strspn(line, " ");
    const bool begins = blanks >= n || (n >= 2 && line[n - 1] == ' ' && strchr(":-", line[n - 2]));
    return begins && (*h->rest == '\0' || *h->rest == '\n' || *h->rest == '\r');
}

static void add_yaml(struct buf *b, const struct hole *h, const char *value)
{
    const char before = h->to > h->from ? h->to[-1] : '\0';
    if (before == '"' && *h->rest == '"') {
        add_quoted(b, value, false);
        return;
    }
    if (is_plain(value)) {
        buf_str(b, value);
        return;
    }
    if (before != '\'' && stands_alone(h)) {
        add_quoted(b, value, true);
        return;
    }
    for (; *value; value++) /* among other words: what could be more than a letter is none */
        buf_char(b, is_control(*value) || strchr("\"'\\:#{}[],|>*!`<&", *value) ? '_' : *value);
}

/* Is a JSON text within a string there? */
static bool is_within(const struct hole *h)
{
    bool within = false;
    for (const char *c = h->from; c < h->to; c++) {
        if (within && *c == '\\' && c + 1 < h->to)
            c++;
        else if (*c == '"')
            within = !within;
    }
    return within;
}

static void add_value(struct buf *b, enum form form, const struct hole *h, const char *value)
{
    if (form == YAML) {
        add_yaml(b, h, value);
    } else if (form == JSON) {
        add_quoted(b, value, !is_within(h));
    } else if (form == WORDS) {
        for (const unsigned char *c = (const unsigned char *)value; *c; c++)
            buf_print(b, isalnum(*c) || strchr("-._~", *c) ? "%c" : "%%%02X", *c);
    } else {
        for (; *value; value++)
            buf_char(b, is_control(*value) ? ' ' : *value);
    }
}

static const char *marker_value(const char *marker, size_t n, const struct job *j,
                                const char *status, const char *time)
{
    const char *const values[] = {j->name, j->id, status, json_text(j->doc, "url"), time, time};
    for (size_t i = 0; signal_markers[i]; i++)
        if (strlen(signal_markers[i]) == n && strncmp(signal_markers[i], marker, n) == 0)
            return values[i] ? values[i] : "";
    return NULL;
}

/* The caller frees. */
static char *fill(const char *template, enum form form, const struct job *j, const char *status,
                  struct when now)
{
    char time[WHEN_TEXT];
    struct buf b = {0};
    const char *at = template, *mark, *end;
    moment_print(when_to_ms(now), time);
    buf_str(&b, "");
    while ((mark = strstr(at, "{{")) && (end = strstr(mark, "}}"))) {
        const char *value = marker_value(mark + 2, (size_t)(end - mark) - 2, j, status, time);
        const struct hole hole = {template, mark, end + 2};
        buf_add(&b, at, (size_t)(mark - at));
        if (value)
            add_value(&b, form, &hole, value);
        else /* of a task that no rule has looked at */
            buf_add(&b, mark, (size_t)(end - mark) + 2);
        at = end + 2;
    }
    buf_str(&b, at);
    return buf_take(&b);
}

/* What is sent when the task does not say: the listing of Planner 2.5.2. */
static const char listing[] = "name: {{job.name}}\n"
                              "date: {{system.date}}\n"
                              "ident: {{job.ident}}\n"
                              "status: {{job.status}}\n";

static bool is_set_off(const json_t *spec, const char *status)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(spec, "triggers"), i, row)
        if (lists(json_text(row, "state"), status))
            return true;
    return false;
}

/* The draft's own words for media types (Planner 2.5.1). */
static const char *media_type(const char *word)
{
    static const char *const types[][2] = {
        {"yaml", "application/yaml"}, {"json", "application/json"}, {"text", "text/plain"}};
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_same(word ? word : "yaml", types[i][0]))
            return types[i][1];
    return word;
}

json_t *signal_message(const json_t *callout, const struct job *j, const char *status,
                       struct when now)
{
    const json_t *spec = json_object_get(callout, "spec");
    const char *type = json_text(spec, "content-type"), *content = json_text(spec, "content");
    const char *subject = json_text(spec, "subject");
    if (!is_set_off(spec, status))
        return NULL;
    if (!str_same(json_text(callout, "type"), EMAIL)) {
        own(str_fini) char *body = fill(content ? content : listing, form_of(type), j, status, now);
        return json_pack("{s:O*,s:s,s:s}", "endpoint", json_object_get(spec, "endpoint"), "type",
                         media_type(type), "body", body);
    }
    own(str_fini) char *about =
        fill(subject ? subject : "{{job.name}} is {{job.status}}", TEXT, j, status, now);
    own(str_fini) char *body = fill(content ? content : listing, TEXT, j, status, now);
    return json_pack("{s:O*,s:s,s:s}", "to", json_object_get(spec, "to"), "subject", about, "body",
                     body);
}
