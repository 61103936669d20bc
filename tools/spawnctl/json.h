/* SPDX-License-Identifier: GPL-2.0 */
#ifndef JSON_H
#define JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static inline void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

static inline void add_text(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static inline void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

/* Print and free @object; @line: on one line */
static inline void put_json(struct json_object *object, bool line)
{
	puts(json_object_to_json_string_ext(object, line ? JSON_C_TO_STRING_PLAIN :
					    JSON_C_TO_STRING_PRETTY));
	json_object_put(object);
}

#endif /* JSON_H */
