/* Reads one HTTP/1.1 answer, in whatever pieces it comes, and compares it with what its request expects. */
#ifndef LOADGEN_ANSWER_H
#define LOADGEN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES 8192
#define ID_DIGITS 16

enum part { HEAD, LENGTH, UNTIL_CLOSE, CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, TRAILER, COMPLETE };

struct answer {
    const char *expected; /* how the body of a 2xx answer must begin */
    size_t expected_length;
    const char *id; /* the ID_DIGITS with which its x-request-id must end; NULL: anything goes */
    enum part part;
    int status;
    bool closes; /* the server closes the connection after it */
    bool wrong, id_seen;
    int64_t left;   /* bytes of the body or of the chunk that are still to come */
    size_t matched; /* how much of the expected beginning has come */
    size_t line;    /* length of the trailer line so far */
    size_t head_length;
    char head[HEAD_BYTES];
};

static void begin_answer(struct answer *answer, const char *expected, size_t expected_length, const char *id) {
    answer->expected = expected;
    answer->expected_length = expected_length;
    answer->id = id;
    answer->part = HEAD;
    answer->closes = answer->wrong = answer->id_seen = false;
    answer->head_length = answer->matched = 0;
}

static bool is_header(const char *line, size_t length, const char *name, const char **value, size_t *value_length) {
    size_t name_length = strlen(name);
    if (length <= name_length || line[name_length] != ':' || strncasecmp(line, name, name_length)) return false;
    const char *first = line + name_length + 1, *last = line + length;
    while (first < last && *first == ' ') first++;
    while (last > first && last[-1] == ' ') last--;
    *value = first;
    *value_length = (size_t)(last - first);
    return true;
}

/* Read an answer's head, of which all is there; false: it is no HTTP. */
static bool read_head(struct answer *answer, const char *head, size_t length) {
    if (length < 15 || memcmp(head, "HTTP/1.", 7) || head[8] != ' ') return false;
    answer->status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
    answer->closes = head[7] == '0';
    answer->part = UNTIL_CLOSE;
    const char *end = head + length, *line = memchr(head, '\n', length), *value;
    size_t value_length;
    while (line && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next) break;
        size_t line_length = (size_t)(next - line) - (next > line && next[-1] == '\r');
        if (is_header(line, line_length, "content-length", &value, &value_length)) {
            answer->left = strtoll(value, NULL, 10);
            answer->part = answer->left > 0 ? LENGTH : COMPLETE;
        } else if (is_header(line, line_length, "transfer-encoding", &value, &value_length)) {
            answer->part = CHUNK_SIZE;
            answer->left = 0;
        } else if (is_header(line, line_length, "connection", &value, &value_length)) {
            answer->closes = value_length >= 5 && !strncasecmp(value, "close", 5);
        } else if (answer->id && is_header(line, line_length, "x-request-id", &value, &value_length)) {
            answer->id_seen = true;
            if (value_length < ID_DIGITS || memcmp(value + value_length - ID_DIGITS, answer->id, ID_DIGITS))
                answer->wrong = true;
        }
        line = next;
    }
    if (answer->status == 204 || answer->status == 304) answer->part = COMPLETE;
    if (answer->status / 100 == 1) answer->part = HEAD;
    if (answer->part == UNTIL_CLOSE) answer->closes = true;
    return true;
}

static void read_body(struct answer *answer, const char *bytes, size_t length) {
    size_t want = answer->expected_length - answer->matched;
    if (!want || answer->status / 100 != 2) return;
    size_t count = length < want ? length : want;
    if (memcmp(answer->expected + answer->matched, bytes, count)) answer->wrong = true;
    answer->matched += count;
}

/* Take in bytes of an answer; false: they are no HTTP. */
static bool read_answer(struct answer *answer, const char *bytes, size_t length) {
    while (length && answer->part != COMPLETE) {
        size_t used = 1;
        char byte = *bytes;
        switch (answer->part) {
        case HEAD: {
            const char *head = bytes;
            size_t head_length = length;
            if (answer->head_length) { /* the head comes in pieces: put them together */
                size_t room = HEAD_BYTES - answer->head_length;
                size_t count = length < room ? length : room;
                memcpy(answer->head + answer->head_length, bytes, count);
                head = answer->head;
                head_length = answer->head_length + count;
            }
            const char *end = memmem(head, head_length, "\r\n\r\n", 4);
            if (!end) {
                if (head_length >= HEAD_BYTES) return false;
                if (!answer->head_length) memcpy(answer->head, bytes, length);
                answer->head_length = head_length;
                return true;
            }
            used = (size_t)(end + 4 - head) - answer->head_length;
            answer->head_length = 0;
            if (!read_head(answer, head, (size_t)(end + 4 - head))) return false;
            break;
        }
        case LENGTH:
        case CHUNK_DATA:
            used = (int64_t)length < answer->left ? length : (size_t)answer->left;
            read_body(answer, bytes, used);
            answer->left -= (int64_t)used;
            if (!answer->left) answer->part = answer->part == LENGTH ? COMPLETE : CHUNK_END;
            break;
        case UNTIL_CLOSE:
            used = length;
            read_body(answer, bytes, used);
            break;
        case CHUNK_SIZE: {
            const char *digits = "0123456789abcdef", *digit = strchr(digits, byte | 32);
            if (digit) {
                answer->left = answer->left << 4 | (digit - digits);
                if (answer->left > 1LL << 40) return false;
                break;
            }
            if (byte != '\n') {
                answer->part = CHUNK_EXTENSION;
                break;
            }
        } /* fall through */
        case CHUNK_EXTENSION:
            if (byte != '\n') break;
            answer->part = answer->left ? CHUNK_DATA : TRAILER;
            answer->line = 0;
            break;
        case CHUNK_END:
            if (byte == '\n') answer->part = CHUNK_SIZE;
            break;
        case TRAILER:
            if (byte == '\n' && !answer->line) answer->part = COMPLETE;
            else if (byte == '\n') answer->line = 0;
            else if (byte != '\r') answer->line++;
            break;
        case COMPLETE:
            break;
        }
        bytes += used;
        length -= used;
    }
    return !length; /* bytes after the end of an answer were not asked for */
}

/* Whether a complete answer is another request's, or does not say all that it must. */
static bool is_wrong(const struct answer *answer) {
    bool good = answer->status / 100 == 2;
    return answer->wrong || (good && (answer->matched < answer->expected_length || (answer->id && !answer->id_seen)));
}

#endif
