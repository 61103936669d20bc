-- SPDX-License-Identifier: GPL-2.0
-- A filter of pandoc: links of the Markdown pages name files of the tree, those of the HTML pages
-- name pages and files beside them. A file that is only in the tree is named, without a link.

local stringify = pandoc.utils.stringify
local directory = PANDOC_STATE.input_files[1]:match("^(.*/)") or ""

-- The name in build/html of a file of the tree, if it is there
local function in_html(path)
	if path == "README.md" then
		return "index.html"
	elseif path == "man" then
		return "#manual"
	elseif path:match("^examples") then
		return path
	elseif path:match("^man/") then
		return path:gsub("^man/", "") .. ".html"
	end
	local name = path:gsub("^docs/", "")
	if path:match("%.md$") and not name:match("/") then
		return name:gsub("%.md$", ".html")
	elseif path:match("^docs/.*/") then
		return name
	end
end

-- The name in the tree, and in build/html, of what a link names; nil if it is of another site
local function resolved(target)
	local path, anchor = target:match("^([^#]*)(.*)$")
	if path == "" or path:match("^%a+:") then
		return nil
	end
	path = (directory .. path):gsub("[^/]+/%.%./", ""):gsub("/$", "")
	assert(io.open(path), "no file " .. path):close()
	local name = in_html(path)
	return path, name and name .. anchor
end

function Link(link)
	local path, name = resolved(link.target)
	if name then
		link.target = name
		return link
	elseif path then
		local content = link.content
		if not stringify(content):find(path:match("[^/]+$"), 1, true) then
			content:extend { pandoc.Str " (", pandoc.Code(path), pandoc.Str ")" }
		end
		return pandoc.Span(content, { class = "source", title = path })
	end
end

function Image(image)
	image.src = select(2, resolved(image.src)) or image.src
	return image
end

-- pandoc would give all columns of a wide table the same width
function Table(table)
	for _, column in ipairs(table.colspecs) do
		column[2] = nil
	end
	return table
end

function Pandoc(document)
	for _, block in ipairs(document.blocks) do
		if block.t == "Header" then
			document.meta.pagetitle = stringify(block)
			return document
		end
	end
end
