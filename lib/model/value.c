#include "model/value.h"
#include <math.h>
#include <sys/auxv.h>
#include "text/buf.h"
#include "text/write.h"

#define BRIEF 60 /* bytes of a value shown */

bool value_is(const json_t *v, const char *type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };
    if (json_is_integer(v) && str_same(type, "number"))
        return true;
    if (json_is_real(v) && str_same(type, "integer"))
        return trunc(json_real_value(v)) == json_real_value(v);
    return str_same(names[json_typeof(v)], type);
}

int value_order(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        const json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return (x > y) - (x < y);
    }
    if (json_is_real(a) && json_is_real(b)) {
        const double x = json_real_value(a), y = json_real_value(b);
        return (x > y) - (x < y);
    }
    if (json_is_real(a))
        return -value_order(b, a);
    /* A whole number beside a double: where a double holds no fraction it may be out of int64. */
    const json_int_t whole = json_integer_value(a);
    const double real = json_real_value(b);
    if (real >= 9223372036854775808.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    const json_int_t below = (json_int_t)floor(real);
    return whole != below ? (whole > below) - (whole < below) : -(real > floor(real));
}

bool value_same(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_number(a) && json_is_number(b))
        return value_order(a, b) == 0;
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (!json_is_object(a) && !json_is_array(a))
        return json_equal(a, b);
    if (json_object_size(a) != json_object_size(b) || json_array_size(a) != json_array_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, v) {
        const json_t *other = json_object_get(b, key);
        if (!other || !value_same(v, other))
            return false;
    }
    json_array_foreach (a, i, v)
        if (!value_same(v, json_array_get(b, i)))
            return false;
    return true;
}

/* A number as digits and a power of ten, as it is written. */
struct decimal {
    uint64_t digits;
    int power;
};

static struct decimal decimal_of(const json_t *v)
{
    struct decimal d = {0};
    own(str_fini) char *text = write_string(v);
    bool fraction = false;
    const char *s = text;
    for (; *s && *s != 'e' && *s != 'E'; s++) {
        fraction |= *s == '.';
        if (*s >= '0' && *s <= '9') {
            d.digits = d.digits * 10 + (uint64_t)(*s - '0');
            d.power -= fraction;
        }
    }
    if (*s)
        d.power += (int)strtol(s + 1, NULL, 10);
    while (d.digits && d.digits % 10 == 0) {
        d.digits /= 10;
        d.power++;
    }
    return d;
}

bool value_is_multiple(const json_t *v, const json_t *step)
{
    const struct decimal a = decimal_of(v), b = decimal_of(step);
    if (a.digits == 0 || b.digits == 0)
        return a.digits == 0;
    /* a * 10^n over b, or a over b * 10^n; beyond 19 digits the second is no multiple. */
    unsigned __int128 x = a.digits % b.digits, y = b.digits;
    for (int n = a.power; n > b.power; n--)
        x = x * 10 % y;
    if (a.power >= b.power)
        return x == 0;
    if (b.power - a.power > 19)
        return false;
    for (int n = a.power; n < b.power; n++)
        y *= 10;
    return a.digits % y == 0;
}

/* Random, and the same for the life of the program, so that nobody writes values that collide. */
static uint64_t seed(void)
{
    const void *random = (const void *)getauxval(AT_RANDOM);
    uint64_t s = 14695981039346656037u;
    if (random)
        memcpy(&s, random, sizeof(s));
    return s;
}

/* Every bit of k decides about every bit of what comes out. */
static uint64_t stirred(uint64_t k)
{
    k = (k ^ (k >> 33)) * 0xff51afd7ed558ccdu;
    k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53u;
    return k ^ (k >> 33);
}

/* Equal values have equal hashes. */
static uint64_t hash_of(const json_t *v)
{
    const uint64_t prime = 1099511628211u;
    uint64_t h = seed() ^ (uint64_t)json_typeof(v);
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_number(v)) {
        const double d = json_number_value(v) == 0 ? 0 : json_number_value(v);
        memcpy(&h, &d, sizeof(h));
        return stirred(h ^ seed());
    }
    for (i = 0; i < json_string_length(v); i++)
        h = (h ^ (unsigned char)json_string_value(v)[i]) * prime;
    json_array_foreach (v, i, item)
        h = (h ^ hash_of(item)) * prime;
    json_object_foreach ((json_t *)v, key, item) { /* in any order */
        uint64_t k = hash_of(item);
        for (const char *c = key; *c; c++)
            k = (k ^ (unsigned char)*c) * prime;
        h += stirred(k);
    }
    return stirred(h);
}

struct hashed {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

bool value_twice(const json_t *array, size_t *a, size_t *b)
{
    const size_t n = json_array_size(array);
    struct hashed *list = mem_new(n * sizeof(*list) + 1);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        list[i] = (struct hashed){hash_of(json_array_get(array, i)), i};
    qsort(list, n, sizeof(*list), by_hash);
    for (size_t i = 0; i < n && !found; i++)
        for (size_t k = i + 1; k < n && list[k].hash == list[i].hash && !found; k++) {
            found = value_same(json_array_get(array, list[i].index),
                               json_array_get(array, list[k].index));
            *a = list[i].index;
            *b = list[k].index;
        }
    free(list);
    return found;
}

const char *value_kind(const char *type)
{
    static const char *const words[][2] = {
        {"number", "a number"},  {"integer", "a whole number"}, {"string", "a string"},
        {"object", "a mapping"}, {"array", "a list"},           {"boolean", "true or false"},
        {"null", "null"},
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_same(type, words[i][0]))
            return words[i][1];
    return type;
}

char *value_brief(const json_t *v)
{
    own(str_fini) char *text = write_string(v);
    if (strlen(text) <= BRIEF)
        return move(text);
    int n = BRIEF;
    while ((text[n] & 0xc0) == 0x80) /* between characters */
        n--;
    return str_print("%.*s...", n, text);
}

char *value_list(const json_t *list)
{
    struct buf b = {0};
    size_t i;
    json_t *item;
    buf_str(&b, json_array_size(list) > 1 ? "one of " : json_array_size(list) ? "" : "nothing");
    json_array_foreach (list, i, item) {
        own(str_fini) char *text = value_brief(item);
        buf_print(&b, "%s%s", i ? ", " : "", text);
    }
    return buf_take(&b);
}

char *value_shown(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "a mapping",   [JSON_ARRAY] = "a list",    [JSON_STRING] = "the string",
        [JSON_INTEGER] = "the number", [JSON_REAL] = "the number", [JSON_TRUE] = "the value",
        [JSON_FALSE] = "the value",    [JSON_NULL] = "the value",
    };
    if (json_is_object(v) || json_is_array(v))
        return str_new(names[json_typeof(v)]);
    own(str_fini) char *text = value_brief(v);
    return str_print("%s %s", names[json_typeof(v)], text);
}
